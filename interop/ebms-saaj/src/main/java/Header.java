import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.UUID;
import org.w3c.dom.Document;
import org.w3c.dom.Element;

/** A MessageHeader. */
record Header(
        Agreement.Id from,
        String fromRole,
        Agreement.Id to,
        String toRole,
        String cpaId,
        String conversationId,
        String serviceType,
        String service,
        String action,
        String messageId,
        String timestamp,
        String refTo,
        String timeToLive,
        boolean once) {

    static String now() {
        return Instant.now().truncatedTo(ChronoUnit.SECONDS).toString();
    }

    static String newId() {
        return UUID.randomUUID() + "@localhost";
    }

    /** The header of a signal; the message that it answers may be null. */
    static Header ofSignal(
            Agreement.Id from, Agreement.Id to, String cpaId, String conversation, String action, String refTo) {
        return new Header(
                from, null, to, null, cpaId, conversation, null, Names.SIGNALS, action,
                newId(), now(), refTo, null, false);
    }

    Header answered(String withAction) {
        return ofSignal(to, from, cpaId, conversationId, withAction, messageId);
    }

    boolean isSignal() {
        return service.equals(Names.SIGNALS);
    }

    static Element soapHeader(Document envelope) throws Problem {
        return Dom.child(envelope.getDocumentElement(), Names.SOAP, "Header");
    }

    /** An extension of ebMS in the SOAP header, or null. */
    static Element extension(Document envelope, String name) throws Problem {
        return Dom.child(soapHeader(envelope), Names.EB, name);
    }

    static Header read(Document envelope) throws Problem {
        Element found = extension(envelope, "MessageHeader");
        if (found == null) {
            throw new Problem("OtherXml", "//Header/MessageHeader", "there is no MessageHeader");
        }
        Element data = Dom.child(found, Names.EB, "MessageData");
        Element service = Dom.child(found, Names.EB, "Service");
        return new Header(
                party(found, "From"),
                Dom.text(Dom.at(found, Names.EB, "From", "Role")),
                party(found, "To"),
                Dom.text(Dom.at(found, Names.EB, "To", "Role")),
                text(found, "CPAId"),
                text(found, "ConversationId"),
                Dom.attribute(service, "type"),
                Dom.text(service),
                text(found, "Action"),
                text(data, "MessageId"),
                text(data, "Timestamp"),
                text(data, "RefToMessageId"),
                text(data, "TimeToLive"),
                Dom.child(found, Names.EB, "DuplicateElimination") != null);
    }

    private static String text(Element parent, String name) throws Problem {
        return Dom.text(Dom.child(parent, Names.EB, name));
    }

    private static Agreement.Id party(Element header, String name) throws Problem {
        Element id =
                Dom.children(Dom.child(header, Names.EB, name), Names.EB, "PartyId").get(0);
        return new Agreement.Id(Dom.attribute(id, "type"), Dom.text(id));
    }
}
