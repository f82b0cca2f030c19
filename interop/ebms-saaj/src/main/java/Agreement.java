import java.io.ByteArrayInputStream;
import java.security.cert.CertificateFactory;
import java.security.cert.X509Certificate;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.Objects;
import org.w3c.dom.Element;

/** A CPA, read where a question needs it. */
final class Agreement {
    /** A PartyId. */
    record Id(String type, String value) {
        static Id of(String typed) {
            int colon = typed.lastIndexOf(':');
            return new Id(typed.substring(0, colon), typed.substring(colon + 1));
        }

        String typed() {
            return type + ":" + value;
        }
    }

    /** How somebody signs. */
    record Signing(String algorithm, String digest, X509Certificate certificate) {}

    /** For whom payloads are encrypted. */
    record Encryption(String algorithm, X509Certificate certificate) {}

    /** What holds for one message; the certificate is what the CPA says of its sender. */
    record Terms(
            String fromRole,
            String toRole,
            String serviceType,
            boolean ack,
            boolean ackSigned,
            boolean once,
            boolean sync,
            int retries,
            Duration interval,
            Signing signing,
            Encryption encryption,
            String url) {}

    final String id;
    private final Element root;

    Agreement(byte[] octets) throws Exception {
        root = Dom.parsed(octets).getDocumentElement();
        id = Dom.attribute(root, "cpaid");
        if (parties().size() != 2) {
            throw new Problem("Unknown", "PartyInfo", "a CPA has two parties");
        }
    }

    boolean knows(Id party) {
        return parties().stream().anyMatch(p -> ids(p).contains(party));
    }

    Id other(Id party) throws Problem {
        return ids(otherParty(party)).get(0);
    }

    /** What holds when a party sends an action of a service. */
    Terms business(Id from, String service, String action) throws Exception {
        Binding sends = binding(party(from), "CanSend", service, action);
        Binding receives = binding(otherParty(from), "CanReceive", service, action);
        Element channel = sends.channel;
        boolean signed = "true".equals(Dom.attribute(sends.characteristics, "isNonRepudiationRequired"));
        String confidential =
                Objects.requireNonNullElse(Dom.attribute(sends.characteristics, "isConfidential"), "none");
        Element reliable =
                Dom.at(exchange(channel), Names.CPA, "ebXMLSenderBinding", "ReliableMessaging");
        Element said = Dom.child(channel, Names.CPA, "MessagingCharacteristics");
        String interval = reliable == null ? null : value(reliable, "RetryInterval");
        String retries = reliable == null ? null : value(reliable, "Retries");
        return new Terms(
                sends.role,
                receives.role,
                sends.serviceType,
                "always".equals(Dom.attribute(said, "ackRequested")),
                "always".equals(Dom.attribute(said, "ackSignatureRequested")),
                "always".equals(Dom.attribute(said, "duplicateElimination")),
                "mshSignalsOnly".equals(Dom.attribute(said, "syncReplyMode")),
                retries == null ? 0 : Integer.parseInt(retries),
                interval == null ? Duration.ZERO : Duration.parse(interval),
                signed ? signing(party(from), channel) : null,
                confidential.endsWith("persistent")
                        ? encryption(otherParty(from), receives.channel)
                        : null,
                url(otherParty(from), receives.channel));
    }

    /** What holds when a party sends a signal. */
    Terms signal(Id from, String action) throws Exception {
        Element mine = defaultChannel(party(from), action);
        Element theirs = defaultChannel(otherParty(from), action);
        return new Terms(
                null, null, null, false, false, false, false, 0, Duration.ZERO,
                signing(party(from), mine), null, url(otherParty(from), theirs));
    }

    private record Binding(
            String role, String serviceType, Element characteristics, Element channel) {}

    private Binding binding(Element party, String direction, String service, String action)
            throws Exception {
        for (Element role : Dom.children(party, Names.CPA, "CollaborationRole")) {
            Element services = Dom.child(role, Names.CPA, "ServiceBinding");
            Element named = Dom.child(services, Names.CPA, "Service");
            if (!service.equals(Dom.text(named))) {
                continue;
            }
            for (Element can : Dom.children(services, Names.CPA, direction)) {
                Element bound = Dom.child(can, Names.CPA, "ThisPartyActionBinding");
                if (action.equals(Dom.attribute(bound, "action"))) {
                    String channel = Dom.text(Dom.children(bound, Names.CPA, "ChannelId").get(0));
                    return new Binding(
                            Dom.attribute(Dom.child(role, Names.CPA, "Role"), "name"),
                            Dom.attribute(named, "type"),
                            Dom.child(bound, Names.CPA, "BusinessTransactionCharacteristics"),
                            identified(party, "DeliveryChannel", "channelId", channel));
                }
            }
        }
        throw new Problem(
                "ValueNotRecognized", "//Header/MessageHeader/Action", "not agreed: " + direction);
    }

    private Signing signing(Element party, Element channel) throws Exception {
        Element said = Dom.at(exchange(channel), Names.CPA, "ebXMLSenderBinding", "SenderNonRepudiation");
        if (said == null) {
            return null;
        }
        return new Signing(
                algorithm(Dom.child(said, Names.CPA, "SignatureAlgorithm")),
                algorithm(Dom.child(said, Names.CPA, "HashFunction")),
                certificate(party, Dom.child(said, Names.CPA, "SigningCertificateRef")));
    }

    private Encryption encryption(Element party, Element channel) throws Exception {
        Element said =
                Dom.at(exchange(channel), Names.CPA, "ebXMLReceiverBinding", "ReceiverDigitalEnvelope");
        return new Encryption(
                algorithm(Dom.child(said, Names.CPA, "EncryptionAlgorithm")),
                certificate(party, Dom.child(said, Names.CPA, "EncryptionCertificateRef")));
    }

    private X509Certificate certificate(Element party, Element reference) throws Exception {
        Element found =
                identified(party, "Certificate", "certId", Dom.attribute(reference, "certId"));
        Element keyInfo = Dom.child(found, Names.DS, "KeyInfo");
        Element data = Dom.child(keyInfo, Names.DS, "X509Data");
        String text = Dom.text(Dom.children(data, Names.DS, "X509Certificate").get(0));
        return (X509Certificate)
                CertificateFactory.getInstance("X.509")
                        .generateCertificate(
                                new ByteArrayInputStream(Base64.getMimeDecoder().decode(text)));
    }

    private String url(Element party, Element channel) throws Problem {
        Element transport =
                identified(party, "Transport", "transportId", Dom.attribute(channel, "transportId"));
        Element receiver = Dom.child(transport, Names.CPA, "TransportReceiver");
        return Dom.attribute(Dom.children(receiver, Names.CPA, "Endpoint").get(0), "uri");
    }

    private Element defaultChannel(Element party, String action) throws Problem {
        String channel = Dom.attribute(party, "defaultMshChannelId");
        for (Element other : Dom.children(party, Names.CPA, "OverrideMshActionBinding")) {
            if (action.equals(Dom.attribute(other, "action"))) {
                channel = Dom.attribute(other, "channelId");
            }
        }
        return identified(party, "DeliveryChannel", "channelId", channel);
    }

    private Element exchange(Element channel) throws Problem {
        Element party = (Element) channel.getParentNode();
        return identified(
                party, "DocExchange", "docExchangeId", Dom.attribute(channel, "docExchangeId"));
    }

    private Element identified(Element party, String name, String attribute, String id)
            throws Problem {
        for (Element element : Dom.children(party, Names.CPA, name)) {
            if (id.equals(Dom.attribute(element, attribute))) {
                return element;
            }
        }
        throw new Problem("Unknown", name, "the CPA refers to " + id + ", which it lacks");
    }

    private static String value(Element parent, String name) throws Problem {
        return Dom.text(Dom.child(parent, Names.CPA, name));
    }

    private static String algorithm(Element element) {
        String w3c = Dom.attribute(element, "w3c");
        return w3c == null ? Dom.text(element) : w3c;
    }

    private List<Element> parties() {
        return Dom.children(root, Names.CPA, "PartyInfo");
    }

    private Element party(Id id) throws Problem {
        for (Element party : parties()) {
            if (ids(party).contains(id)) {
                return party;
            }
        }
        throw new Problem("Inconsistent", "//Header/MessageHeader/From/PartyId", "not a party");
    }

    private Element otherParty(Id id) throws Problem {
        Element mine = party(id);
        List<Element> both = parties();
        return both.get(0) == mine ? both.get(1) : both.get(0);
    }

    private static List<Id> ids(Element party) {
        List<Id> found = new ArrayList<>();
        for (Element id : Dom.children(party, Names.CPA, "PartyId")) {
            found.add(new Id(Dom.attribute(id, "type"), Dom.text(id)));
        }
        return found;
    }
}
