import java.security.PrivateKey;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.Collectors;
import org.apache.xml.security.exceptions.XMLSecurityException;
import org.apache.xml.security.signature.XMLSignature;
import org.apache.xml.security.signature.XMLSignatureInput;
import org.apache.xml.security.transforms.Transforms;
import org.apache.xml.security.transforms.params.XPathContainer;
import org.apache.xml.security.utils.resolver.ResourceResolverContext;
import org.apache.xml.security.utils.resolver.ResourceResolverSpi;
import org.w3c.dom.Document;
import org.w3c.dom.Element;

/** XML signatures by Apache Santuario. */
final class Signatures {
    private Signatures() {}

    /** Gives the octets of the parts. */
    private static final class Parts extends ResourceResolverSpi {
        private final List<Part> parts;

        Parts(List<Part> parts) {
            this.parts = parts;
        }

        @Override
        public boolean engineCanResolveURI(ResourceResolverContext context) {
            return context.uriToResolve != null && find(context.uriToResolve) != null;
        }

        @Override
        public XMLSignatureInput engineResolveURI(ResourceResolverContext context) {
            XMLSignatureInput input = new XMLSignatureInput(find(context.uriToResolve).octets());
            input.setSourceURI(context.uriToResolve);
            return input;
        }

        private Part find(String uri) {
            return parts.stream().filter(p -> uri.equals("cid:" + p.id())).findFirst().orElse(null);
        }
    }

    /** Signs an envelope and its parts; the document was parsed, so its xmlns are attributes. */
    static void sign(
            Document envelope, List<Part> parts, Agreement.Signing how, String c14n, PrivateKey key)
            throws Exception {
        Element root = envelope.getDocumentElement();
        Element header = Dom.child(root, Names.SOAP, "Header");
        XMLSignature signature = new XMLSignature(envelope, "", how.algorithm(), c14n);
        header.appendChild(signature.getElement());
        String prefix = root.getPrefix();
        XPathContainer xpath = new XPathContainer(envelope);
        xpath.setXPathNamespaceContext(prefix, Names.SOAP);
        String actor = "ancestor-or-self::node()[@" + prefix + ":actor=\"";
        xpath.setXPath(
                "not(" + actor + Names.ACTOR_NEXT_MSH + "\"] | " + actor + Names.ACTOR_NEXT + "\"])");
        Transforms transforms = new Transforms(envelope);
        transforms.addTransform(Transforms.TRANSFORM_ENVELOPED_SIGNATURE);
        transforms.addTransform(Transforms.TRANSFORM_XPATH, xpath.getElementPlusReturns());
        transforms.addTransform(c14n);
        signature.addResourceResolver(new Parts(parts));
        signature.addDocument("", transforms, how.digest());
        for (Part part : parts) {
            signature.addDocument("cid:" + part.id(), null, how.digest());
        }
        signature.addKeyInfo(how.certificate());
        signature.sign(key);
    }

    /** Verifies with the certificate of the CPA; every part must be signed, and the envelope. */
    static void verify(Document envelope, List<Part> parts, Agreement.Signing how)
            throws Exception {
        Element header = Dom.child(envelope.getDocumentElement(), Names.SOAP, "Header");
        List<Element> found = Dom.children(header, Names.DS, "Signature");
        if (found.size() != 1) {
            throw problem("one signature is wanted");
        }
        XMLSignature signature = new XMLSignature(found.get(0), "");
        if (!how.algorithm().equals(signature.getSignedInfo().getSignatureMethodURI())) {
            throw problem("another algorithm was agreed");
        }
        signature.addResourceResolver(new Parts(parts));
        Set<String> signed = new HashSet<>();
        for (int i = 0; i < signature.getSignedInfo().getLength(); i++) {
            signed.add(signature.getSignedInfo().item(i).getURI());
        }
        Set<String> wanted =
                parts.stream().map(p -> "cid:" + p.id()).collect(Collectors.toSet());
        wanted.add("");
        if (!signed.equals(wanted)) {
            throw problem("the signature is not over envelope and payloads");
        }
        try {
            if (!signature.checkSignatureValue(how.certificate())) {
                throw problem("the signature is wrong");
            }
        } catch (XMLSecurityException e) {
            throw problem("the signature cannot be verified");
        }
    }

    /** What each Reference of a signature, or of an acknowledgment, says: digest by URI. */
    static Map<String, String> digests(Element parent) throws Problem {
        Map<String, String> found = new TreeMap<>();
        for (Element reference : Dom.children(parent, Names.DS, "Reference")) {
            String digest = Dom.text(Dom.child(reference, Names.DS, "DigestValue"));
            found.put(reference.getAttribute("URI"), digest.replaceAll("\\s", ""));
        }
        return found;
    }

    private static Problem problem(String said) {
        return new Problem("SecurityFailure", "//Header/Signature", said);
    }
}
