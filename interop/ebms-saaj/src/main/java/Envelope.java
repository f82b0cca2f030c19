import java.nio.charset.StandardCharsets;
import java.util.List;
import org.w3c.dom.Document;
import org.w3c.dom.Element;

/** An envelope in the making. */
final class Envelope {
    private final Document document;
    private final String soap;
    private final String mustUnderstand;
    private final Element header;
    private final Element body;

    Envelope(Header said, Packages.Style style) throws Exception {
        soap = switch (style) {
            case CORE -> "soap";
            case SAAJ -> "SOAP-ENV";
            case BASE64 -> "SOAP";
        };
        mustUnderstand = style == Packages.Style.BASE64 ? "true" : "1";
        String empty =
                "<%1$s:Envelope xmlns:%1$s=\"%2$s\" xmlns:eb=\"%3$s\" xmlns:xlink=\"%4$s\">"
                        + "<%1$s:Header/><%1$s:Body/></%1$s:Envelope>";
        document =
                Dom.parsed(
                        String.format(empty, soap, Names.SOAP, Names.EB, Names.XLINK)
                                .getBytes(StandardCharsets.UTF_8));
        header = Header.soapHeader(document);
        body = Dom.child(document.getDocumentElement(), Names.SOAP, "Body");
        messageHeader(said);
    }

    Document finished() throws Exception {
        return Dom.parsed(Dom.written(document));
    }

    Envelope syncReply() {
        headed("SyncReply").setAttributeNS(Names.SOAP, soap + ":actor", Names.ACTOR_NEXT);
        return this;
    }

    Envelope ackRequested(boolean signed) {
        Element element = headed("AckRequested");
        eb(element, "signed", String.valueOf(signed));
        element.setAttributeNS(Names.SOAP, soap + ":actor", Names.ACTOR_TO_PARTY);
        return this;
    }

    /** References are those of the message; none when the acknowledgment is not to be signed. */
    Envelope acknowledgment(Header of, List<Element> references) {
        Element element = headed("Acknowledgment");
        element.setAttributeNS(Names.SOAP, soap + ":actor", Names.ACTOR_TO_PARTY);
        add(element, "Timestamp", Header.now());
        add(element, "RefToMessageId", of.messageId());
        partyId(add(element, "From", null), of.to());
        for (Element reference : references) {
            element.appendChild(document.importNode(reference, true));
        }
        return this;
    }

    Envelope errors(Problem problem) {
        Element list = headed("ErrorList");
        eb(list, "highestSeverity", "Error");
        Element error = add(list, "Error", null);
        eb(error, "errorCode", problem.code);
        eb(error, "severity", "Error");
        eb(error, "location", problem.location);
        Element description = add(error, "Description", problem.getMessage());
        description.setAttribute("xml:lang", "en");
        return this;
    }

    Envelope manifest(List<Part> parts) {
        Element manifest = add(body, "Manifest", null);
        eb(manifest, "version", "2.0");
        for (Part part : parts) {
            Element reference = add(manifest, "Reference", null);
            reference.setAttributeNS(Names.XLINK, "xlink:type", "simple");
            reference.setAttributeNS(Names.XLINK, "xlink:href", "cid:" + part.id());
        }
        return this;
    }

    Envelope statusRequest(String messageId) {
        Element element = add(body, "StatusRequest", null);
        eb(element, "version", "2.0");
        add(element, "RefToMessageId", messageId);
        return this;
    }

    Envelope statusResponse(String messageId, String status, String timestamp) {
        Element element = add(body, "StatusResponse", null);
        eb(element, "version", "2.0");
        eb(element, "messageStatus", status);
        add(element, "RefToMessageId", messageId);
        if (timestamp != null) {
            add(element, "Timestamp", timestamp);
        }
        return this;
    }

    private void messageHeader(Header said) {
        Element element = headed("MessageHeader");
        party(element, "From", said.from(), said.fromRole());
        party(element, "To", said.to(), said.toRole());
        add(element, "CPAId", said.cpaId());
        add(element, "ConversationId", said.conversationId());
        Element service = add(element, "Service", said.service());
        if (said.serviceType() != null) {
            eb(service, "type", said.serviceType());
        }
        add(element, "Action", said.action());
        Element data = add(element, "MessageData", null);
        add(data, "MessageId", said.messageId());
        add(data, "Timestamp", said.timestamp());
        if (said.refTo() != null) {
            add(data, "RefToMessageId", said.refTo());
        }
        if (said.timeToLive() != null) {
            add(data, "TimeToLive", said.timeToLive());
        }
        if (said.once()) {
            add(element, "DuplicateElimination", null);
        }
    }

    private void party(Element parent, String name, Agreement.Id id, String role) {
        Element element = add(parent, name, null);
        partyId(element, id);
        if (role != null) {
            add(element, "Role", role);
        }
    }

    private void partyId(Element parent, Agreement.Id id) {
        Element element = add(parent, "PartyId", id.value());
        if (id.type() != null) {
            eb(element, "type", id.type());
        }
    }

    private Element headed(String name) {
        Element element = add(header, name, null);
        eb(element, "version", "2.0");
        element.setAttributeNS(Names.SOAP, soap + ":mustUnderstand", mustUnderstand);
        return element;
    }

    private Element add(Element parent, String name, String text) {
        Element element = document.createElementNS(Names.EB, "eb:" + name);
        if (text != null) {
            element.setTextContent(text);
        }
        parent.appendChild(element);
        return element;
    }

    private static void eb(Element element, String name, String value) {
        element.setAttributeNS(Names.EB, "eb:" + name, value);
    }
}
