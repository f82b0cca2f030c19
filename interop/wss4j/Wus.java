import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.KeyStore;
import java.security.cert.Certificate;
import java.security.cert.CertificateFactory;
import java.security.cert.X509Certificate;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Set;
import java.util.UUID;
import java.util.regex.Pattern;
import javax.net.ssl.KeyManagerFactory;
import javax.net.ssl.SSLContext;
import javax.net.ssl.TrustManagerFactory;
import javax.xml.XMLConstants;
import javax.xml.parsers.DocumentBuilder;
import javax.xml.parsers.DocumentBuilderFactory;
import javax.xml.transform.TransformerException;
import javax.xml.transform.TransformerFactory;
import javax.xml.transform.dom.DOMSource;
import javax.xml.transform.stream.StreamResult;
import org.apache.ws.security.WSConstants;
import org.apache.ws.security.WSDataRef;
import org.apache.ws.security.WSEncryptionPart;
import org.apache.ws.security.WSSConfig;
import org.apache.ws.security.WSSecurityEngine;
import org.apache.ws.security.WSSecurityEngineResult;
import org.apache.ws.security.WSSecurityException;
import org.apache.ws.security.components.crypto.Merlin;
import org.apache.ws.security.handler.RequestData;
import org.apache.ws.security.message.WSSecHeader;
import org.apache.ws.security.message.WSSecSignature;
import org.apache.ws.security.message.WSSecTimestamp;
import org.apache.ws.security.message.token.SignatureConfirmation;
import org.apache.ws.security.util.WSSecurityUtil;
import org.w3c.dom.Document;
import org.w3c.dom.Element;
import org.w3c.dom.NodeList;
import org.w3c.dom.Text;
import org.xml.sax.SAXException;

/** One WUS exchange: a request is signed and sent, its answer is verified. */
final class Wus {
    static final String TYPES = "http://logius.nl/digipoort/koppelvlakservices/1.2/";
    static final String ECHO = "urn:digipoort-wus:echo:1";
    private static final String SOAP = WSConstants.URI_SOAP11_ENV;
    private static final String WSA = "http://www.w3.org/2005/08/addressing";
    private static final String ALIAS = "vendor-a";
    private static final char[] PASSWORD = "test".toCharArray();
    private static final int TIME_TO_LIVE_SECONDS = 300;

    /** The answer is not what the gateway says about this request. */
    static final class BadAnswer extends Exception {
        BadAnswer(String reason) {
            super(reason);
        }
    }

    /** What signs: WSS4J 1.6 has constants for some of these only. */
    enum Algorithm {
        NONE(null, null),
        SHA1(WSConstants.RSA_SHA1, WSConstants.SHA1),
        SHA256("http://www.w3.org/2001/04/xmldsig-more#rsa-sha256", WSConstants.SHA256),
        SHA512("http://www.w3.org/2001/04/xmldsig-more#rsa-sha512",
                "http://www.w3.org/2001/04/xmlenc#sha512");

        final String signature;
        final String digest;

        Algorithm(String signature, String digest) {
            this.signature = signature;
            this.digest = digest;
        }
    }

    /** What requests and answers look like: Digipoort's, or Digikoppeling's 2W-be and 2W-be-S. */
    private enum Profile { DIGIPOORT, BE, BE_S }

    /** What an answer is compared with. */
    private record Sent(Profile profile, String messageId, byte[] signatureValue) { }

    /** A SOAP fault came. Digipoort does not sign faults, so theirs is a hint, not a proof. */
    static final class Fault extends Exception {
        Fault(String text) {
            super(text);
        }
    }

    private final String base;
    private final Algorithm algorithm;
    private final DocumentBuilder builder;
    private final HttpClient http;
    private final Merlin own = new Merlin();
    private final Merlin trusted = new Merlin();
    private final Pattern signer;

    Wus(String base, Path pki, Algorithm algorithm) throws Exception {
        this.base = base;
        this.algorithm = algorithm;

        DocumentBuilderFactory factory = DocumentBuilderFactory.newInstance();
        factory.setNamespaceAware(true);
        factory.setFeature("http://apache.org/xml/features/disallow-doctype-decl", true);
        builder = factory.newDocumentBuilder();

        KeyStore keys = KeyStore.getInstance("PKCS12");
        try (InputStream file = Files.newInputStream(pki.resolve(ALIAS + ".p12"))) {
            keys.load(file, PASSWORD);
        }
        KeyStore authorities = KeyStore.getInstance("PKCS12");
        authorities.load(null, null);
        List<X509Certificate> certificates = certificates(pki.resolve("ca.pem"));
        for (int i = 0; i < certificates.size(); i++) {
            authorities.setCertificateEntry("ca-" + i, certificates.get(i));
        }
        own.setKeyStore(keys);
        trusted.setTrustStore(authorities);
        // Every business has a certificate of the same authorities, so a trusted chain is not
        // enough: the answer must be signed in the gateway's name.
        X509Certificate gateway = certificates(pki.resolve("gateway-signing.pem")).get(0);
        signer = Pattern.compile(Pattern.quote(gateway.getSubjectX500Principal().getName()));
        http = HttpClient.newBuilder().sslContext(mutualTls(keys, authorities)).build();
    }

    /** Returns a new body element in a document of its own. */
    Element request(String namespace, String name) {
        Document document = builder.newDocument();
        Element element = document.createElementNS(namespace, "q:" + name);
        declare(element, "q", namespace);
        document.appendChild(element);
        return element;
    }

    /** Appends an element to a request and returns it. */
    static Element add(Element parent, String name, String text) {
        Element element = append(parent, parent.getNamespaceURI(), "q:" + name);
        element.setTextContent(text);
        return element;
    }

    /** Sends a request to Digipoort and returns the Body of its verified answer. */
    Element call(String service, String operation, Element request)
            throws WSSecurityException, IOException, InterruptedException, BadAnswer, Fault {
        String path = "/wus/2.0/" + service.toLowerCase() + "/1.2";
        String action = "http://logius.nl/digipoort" + path + "/" + service + "/" + operation;
        return exchange(Profile.DIGIPOORT, path, action + "Request", request);
    }

    /** Sends a request to Echo: with a signature as 2W-be-S, without as 2W-be. */
    Element echo(Element request)
            throws WSSecurityException, IOException, InterruptedException, BadAnswer, Fault {
        Profile profile = algorithm == Algorithm.NONE ? Profile.BE : Profile.BE_S;
        String path = "/digikoppeling/2W-be" + (profile == Profile.BE_S ? "-S" : "") + "/echo";
        return exchange(profile, path, ECHO + ":EchoService:echoRequest", request);
    }

    private Element exchange(Profile profile, String path, String action, Element request)
            throws WSSecurityException, IOException, InterruptedException, BadAnswer, Fault {
        String address = base + path;
        String messageId = "urn:uuid:" + UUID.randomUUID();

        Document envelope = builder.newDocument();
        Element root = envelope.createElementNS(SOAP, "soap:Envelope");
        declare(root, "soap", SOAP);
        declare(root, "wsa", WSA);
        envelope.appendChild(root);
        Element header = append(root, SOAP, "soap:Header");
        append(header, WSA, "wsa:To").setTextContent(address);
        append(header, WSA, "wsa:Action").setTextContent(action);
        append(header, WSA, "wsa:MessageID").setTextContent(messageId);
        append(append(header, WSA, "wsa:ReplyTo"), WSA, "wsa:Address")
                .setTextContent(WSA + "/anonymous");
        append(root, SOAP, "soap:Body").appendChild(envelope.importNode(request, true));
        byte[] signatureValue = profile == Profile.BE ? null : sign(envelope);

        HttpResponse<byte[]> response = http.send(
                HttpRequest.newBuilder(URI.create(address))
                        .header("Content-Type", "text/xml; charset=utf-8")
                        .header("SOAPAction", '"' + action + '"')
                        .POST(HttpRequest.BodyPublishers.ofByteArray(bytes(envelope)))
                        .build(),
                HttpResponse.BodyHandlers.ofByteArray());
        return verified(response, new Sent(profile, messageId, signatureValue));
    }

    /** Signs an envelope in place, and returns the value of the signature. */
    private byte[] sign(Document envelope) throws WSSecurityException {
        WSSecHeader security = new WSSecHeader();
        security.insertSecurityHeader(envelope);
        WSSecTimestamp timestamp = new WSSecTimestamp();
        timestamp.setTimeToLive(TIME_TO_LIVE_SECONDS);
        timestamp.build(envelope, security);

        WSSecSignature signature = new WSSecSignature();
        signature.setUserInfo(ALIAS, new String(PASSWORD));
        signature.setKeyIdentifierType(WSConstants.BST_DIRECT_REFERENCE);
        signature.setSigCanonicalization(WSConstants.C14N_EXCL_OMIT_COMMENTS);
        signature.setSignatureAlgorithm(algorithm.signature);
        signature.setDigestAlgo(algorithm.digest);
        List<WSEncryptionPart> parts = new ArrayList<>();
        parts.add(new WSEncryptionPart(WSConstants.ELEM_BODY, SOAP, "Element"));
        parts.add(new WSEncryptionPart(
                WSConstants.TIMESTAMP_TOKEN_LN, WSConstants.WSU_NS, "Element"));
        for (String name : List.of("To", "Action", "MessageID", "ReplyTo")) {
            parts.add(new WSEncryptionPart(name, WSA, "Element"));
        }
        signature.setParts(parts);
        signature.build(envelope, own, security);
        return signature.getSignatureValue();
    }

    private Element verified(HttpResponse<byte[]> response, Sent sent)
            throws IOException, BadAnswer, Fault {
        Document envelope;
        try {
            envelope = builder.parse(new ByteArrayInputStream(response.body()));
        } catch (SAXException error) {
            throw new IOException("HTTP " + response.statusCode() + " without XML", error);
        }
        Element root = envelope.getDocumentElement();
        Element body = only(root, SOAP, "Body");
        Element fault = WSSecurityUtil.getDirectChildElement(body, "Fault", SOAP);
        if (fault != null && sent.profile == Profile.DIGIPOORT) {
            throw new Fault(text(fault));
        }

        Element header = only(root, SOAP, "Header");
        if (sent.profile != Profile.BE) {
            requireSigned(header, body, sent);
        }
        String relatesTo = only(header, WSA, "RelatesTo").getTextContent().strip();
        if (!relatesTo.equals(sent.messageId)) {
            throw new BadAnswer("wsa:RelatesTo is " + relatesTo + ", not " + sent.messageId);
        }
        if (fault != null) {
            throw new Fault(text(fault));
        }
        return body;
    }

    /** Requires a right signature that covers all of an answer, and confirms that of its request. */
    private void requireSigned(Element header, Element body, Sent sent) throws BadAnswer {
        Element security = only(header, WSConstants.WSSE_NS, "Security");
        List<WSSecurityEngineResult> results = results(security);
        // The same elements by position, not by name or id: a signed copy elsewhere in the
        // message must not vouch for what is read here.
        List<Element> required = new ArrayList<>();
        required.add(body);
        required.add(only(security, WSConstants.WSU_NS, "Timestamp"));
        for (String name : List.of("To", "Action", "MessageID", "RelatesTo")) {
            required.add(only(header, WSA, name));
        }
        if (sent.profile == Profile.BE_S) {
            required.add(confirmation(results, sent.signatureValue));
        }
        Set<Element> signed = signed(results);
        for (Element element : required) {
            if (!signed.contains(element)) {
                throw new BadAnswer("the signature does not cover " + element.getLocalName());
            }
        }
    }

    /**
     * Returns the one SignatureConfirmation, when it is of our signature. The engine reads it;
     * to compare it is left to the handlers above, which this program does without.
     */
    private static Element confirmation(List<WSSecurityEngineResult> results, byte[] sent)
            throws BadAnswer {
        List<WSSecurityEngineResult> found = WSSecurityUtil.fetchAllActionResults(
                results, WSConstants.SC, new ArrayList<>());
        if (found.size() != 1) {
            throw new BadAnswer(found.size() + " elements SignatureConfirmation instead of one");
        }
        SignatureConfirmation confirmation = (SignatureConfirmation)
                found.get(0).get(WSSecurityEngineResult.TAG_SIGNATURE_CONFIRMATION);
        if (!Arrays.equals(confirmation.getSignatureValue(), sent)) {
            throw new BadAnswer("the answer confirms another signature");
        }
        return confirmation.getElement();
    }

    /** Checks signature, certificate chain and time, and returns what the engine found. */
    private List<WSSecurityEngineResult> results(Element security) throws BadAnswer {
        WSSConfig config = WSSConfig.getNewInstance();
        config.setTimeStampTTL(TIME_TO_LIVE_SECONDS);
        RequestData data = new RequestData();
        data.setWssConfig(config);
        data.setSigCrypto(trusted);
        data.setSubjectCertConstraints(List.of(signer));
        try {
            return new WSSecurityEngine().processSecurityHeader(security, data);
        } catch (WSSecurityException error) {
            throw new BadAnswer(error.getMessage());
        }
    }

    /** Returns the elements that the one signature covers. */
    private static Set<Element> signed(List<WSSecurityEngineResult> results) throws BadAnswer {
        List<WSSecurityEngineResult> signatures = WSSecurityUtil.fetchAllActionResults(
                results, WSConstants.SIGN, new ArrayList<>());
        if (signatures.size() != 1) {
            throw new BadAnswer(signatures.size() + " signatures instead of one");
        }
        Set<Element> elements = Collections.newSetFromMap(new IdentityHashMap<>());
        for (Object reference :
                (List<?>) signatures.get(0).get(WSSecurityEngineResult.TAG_DATA_REF_URIS)) {
            elements.add(((WSDataRef) reference).getProtectedElement());
        }
        return elements;
    }

    private static Element only(Element parent, String namespace, String name) throws BadAnswer {
        List<Element> found = WSSecurityUtil.getDirectChildElements(parent, name, namespace);
        if (found.size() != 1) {
            throw new BadAnswer(found.size() + " elements " + name + " instead of one");
        }
        return found.get(0);
    }

    /** Returns what a fault says; its details come last, and are what explains it. */
    private static String text(Element fault) {
        List<String> texts = new ArrayList<>();
        NodeList all = fault.getElementsByTagName("*");
        for (int i = 0; i < all.getLength(); i++) {
            if (all.item(i).getFirstChild() instanceof Text text && !text.getData().isBlank()) {
                texts.add(text.getData().strip());
            }
        }
        return String.join(": ", texts);
    }

    private static Element append(Element parent, String namespace, String name) {
        Element element = parent.getOwnerDocument().createElementNS(namespace, name);
        parent.appendChild(element);
        return element;
    }

    /**
     * Declares a namespace. DOM does not, and canonicalisation sees declarations only: without
     * this the digests are of another document than the one that is sent.
     */
    private static void declare(Element element, String prefix, String namespace) {
        element.setAttributeNS(XMLConstants.XMLNS_ATTRIBUTE_NS_URI, "xmlns:" + prefix, namespace);
    }

    private static byte[] bytes(Document document) {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        try {
            TransformerFactory.newInstance().newTransformer()
                    .transform(new DOMSource(document), new StreamResult(out));
        } catch (TransformerException error) {
            throw new IllegalStateException(error);
        }
        return out.toByteArray();
    }

    private static List<X509Certificate> certificates(Path pem)
            throws IOException, GeneralSecurityException {
        List<X509Certificate> found = new ArrayList<>();
        try (InputStream file = Files.newInputStream(pem)) {
            CertificateFactory factory = CertificateFactory.getInstance("X.509");
            for (Certificate each : factory.generateCertificates(file)) {
                found.add((X509Certificate) each);
            }
        }
        return found;
    }

    private static SSLContext mutualTls(KeyStore keys, KeyStore authorities)
            throws GeneralSecurityException {
        KeyManagerFactory own =
                KeyManagerFactory.getInstance(KeyManagerFactory.getDefaultAlgorithm());
        own.init(keys, PASSWORD);
        TrustManagerFactory trust =
                TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
        trust.init(authorities);
        SSLContext context = SSLContext.getInstance("TLS");
        context.init(own.getKeyManagers(), trust.getTrustManagers(), null);
        return context;
    }
}
