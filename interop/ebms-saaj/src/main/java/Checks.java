import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import org.w3c.dom.Document;
import org.w3c.dom.Element;

/** What is looked at in envelopes beside their headers. */
final class Checks {
    private Checks() {}

    static void listed(Document envelope, List<Part> parts) throws Problem {
        Element body = Dom.child(envelope.getDocumentElement(), Names.SOAP, "Body");
        Element manifest = Dom.child(body, Names.EB, "Manifest");
        List<String> said = new ArrayList<>();
        if (manifest != null) {
            for (Element reference : Dom.children(manifest, Names.EB, "Reference")) {
                said.add(reference.getAttributeNS(Names.XLINK, "href"));
            }
        }
        List<String> there = parts.stream().map(p -> "cid:" + p.id()).sorted().toList();
        if (!said.stream().sorted().toList().equals(there)) {
            throw new Problem("MimeProblem", "//Body/Manifest", "Manifest and parts differ");
        }
    }

    static Map<String, String> digests(Document envelope) throws Problem {
        Element signature = Dom.child(Header.soapHeader(envelope), Names.DS, "Signature");
        Element info = Dom.at(signature, Names.DS, "SignedInfo");
        return info == null ? Map.of() : Signatures.digests(info);
    }

    /** What a signed acknowledgment repeats; wrong: with another first digest. */
    static List<Element> references(Document envelope, boolean signed, boolean wrong)
            throws Problem {
        Element signature = Dom.child(Header.soapHeader(envelope), Names.DS, "Signature");
        Element info = signed ? Dom.at(signature, Names.DS, "SignedInfo") : null;
        if (info == null) {
            return List.of();
        }
        List<Element> references = Dom.children(info, Names.DS, "Reference");
        if (wrong) {
            Element digest = Dom.child(references.get(0), Names.DS, "DigestValue");
            byte[] octets = Base64.getMimeDecoder().decode(digest.getTextContent());
            octets[0] ^= 1;
            digest.setTextContent(Base64.getEncoder().encodeToString(octets));
        }
        return references;
    }
}
