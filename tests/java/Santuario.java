import java.io.BufferedReader;
import java.io.ByteArrayInputStream;
import java.io.InputStreamReader;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.Key;
import java.security.KeyFactory;
import java.security.SecureRandom;
import java.security.cert.CertificateFactory;
import java.security.cert.X509Certificate;
import java.security.spec.PKCS8EncodedKeySpec;
import javax.crypto.spec.SecretKeySpec;
import javax.xml.parsers.DocumentBuilderFactory;
import org.apache.xml.security.Init;
import org.apache.xml.security.encryption.EncryptedData;
import org.apache.xml.security.encryption.EncryptedKey;
import org.apache.xml.security.encryption.XMLCipher;
import org.apache.xml.security.keys.KeyInfo;
import org.apache.xml.security.signature.XMLSignature;
import org.apache.xml.security.signature.XMLSignatureInput;
import org.apache.xml.security.transforms.Transforms;
import org.apache.xml.security.transforms.params.XPathContainer;
import org.apache.xml.security.utils.Constants;
import org.apache.xml.security.utils.ElementProxy;
import org.apache.xml.security.utils.XMLUtils;
import org.apache.xml.security.utils.resolver.ResourceResolverContext;
import org.apache.xml.security.utils.resolver.ResourceResolverException;
import org.apache.xml.security.utils.resolver.ResourceResolverSpi;
import org.w3c.dom.Document;
import org.w3c.dom.Element;

/** Signs, verifies, encrypts and decrypts with Apache Santuario: one command a line. */
public final class Santuario {
    private static final String SOAP = "http://schemas.xmlsoap.org/soap/envelope/";

    private Santuario() {}

    public static void main(String[] none) throws Exception {
        Init.init();
        BufferedReader lines =
                new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line = lines.readLine(); line != null; line = lines.readLine()) {
            String verdict;
            try {
                String[] words = line.split("\t", -1);
                switch (words[0]) {
                    case "verify":
                        verdict = verify(words);
                        break;
                    case "sign":
                        verdict = sign(words);
                        break;
                    case "decrypt":
                        verdict = decrypt(words);
                        break;
                    default:
                        verdict = encrypt(words);
                }
            } catch (Exception error) {
                verdict = "error " + String.valueOf(error).replaceAll("\\s+", " ");
            }
            System.out.println(verdict);
            System.out.flush();
        }
    }

    /** Finds parts by their cid. */
    private static final class Parts extends ResourceResolverSpi {
        private final String[] words;
        private final int first;

        Parts(String[] words, int first) {
            this.words = words;
            this.first = first;
        }

        private String fileOf(ResourceResolverContext context) {
            for (int i = first; i + 1 < words.length; i += 2) {
                if (words[i].equals(context.uriToResolve)) {
                    return words[i + 1];
                }
            }
            return null;
        }

        @Override
        public boolean engineCanResolveURI(ResourceResolverContext context) {
            return fileOf(context) != null;
        }

        @Override
        public XMLSignatureInput engineResolveURI(ResourceResolverContext context)
                throws ResourceResolverException {
            try {
                return new XMLSignatureInput(Files.newInputStream(Path.of(fileOf(context))));
            } catch (java.io.IOException error) {
                throw new ResourceResolverException(
                        error, context.uriToResolve, context.baseUri, "empty");
            }
        }
    }

    /** verify, envelope, certificate, and a cid and a file for each part. */
    private static String verify(String[] words) throws Exception {
        Document envelope = parse(words[1]);
        Element element =
                (Element)
                        envelope.getElementsByTagNameNS(Constants.SignatureSpecNS, "Signature")
                                .item(0);
        XMLSignature signature = new XMLSignature(element, "");
        signature.addResourceResolver(new Parts(words, 3));
        return String.valueOf(signature.checkSignatureValue(certificate(words[2])));
    }

    /**
     * sign, envelope, key, certificate, signature, digest and canonicalisation algorithm, XPath or
     * nothing, its prefix, prefix of the signature, result, and a cid and a file for each part.
     */
    private static String sign(String[] words) throws Exception {
        Document envelope = parse(words[1]);
        ElementProxy.setDefaultPrefix(Constants.SignatureSpecNS, words[9]);
        XMLSignature signature = new XMLSignature(envelope, "", words[4], words[6]);
        signature.addResourceResolver(new Parts(words, 11));
        envelope.getElementsByTagNameNS(SOAP, "Header").item(0).appendChild(signature.getElement());
        Transforms transforms = new Transforms(envelope);
        transforms.addTransform(Transforms.TRANSFORM_ENVELOPED_SIGNATURE);
        if (!words[7].isEmpty()) {
            XPathContainer xpath = new XPathContainer(envelope);
            xpath.setXPathNamespaceContext(words[8], SOAP);
            xpath.setXPath(words[7]);
            transforms.addTransform(Transforms.TRANSFORM_XPATH, xpath.getElementPlusReturns());
        }
        transforms.addTransform(words[6]);
        signature.addDocument("", transforms, words[5]);
        for (int i = 11; i + 1 < words.length; i += 2) {
            signature.addDocument(words[i], null, words[5]);
        }
        X509Certificate certificate = certificate(words[3]);
        signature.addKeyInfo(certificate);
        signature.addKeyInfo(certificate.getPublicKey());
        signature.sign(key(words[2]));
        write(envelope, words[10]);
        return "true";
    }

    /** encrypt, file, certificate, data and key algorithm, media type, result. */
    private static String encrypt(String[] words) throws Exception {
        Document document = newDocument();
        byte[] secret = new byte[words[3].contains("128") ? 16 : 32];
        new SecureRandom().nextBytes(secret);
        Key dataKey = new SecretKeySpec(secret, "AES");
        XMLCipher wrapping = XMLCipher.getInstance(words[4]);
        wrapping.init(XMLCipher.WRAP_MODE, certificate(words[2]).getPublicKey());
        EncryptedKey encryptedKey = wrapping.encryptKey(document, dataKey);
        KeyInfo names = new KeyInfo(document);
        names.addKeyName(certificate(words[2]).getSubjectX500Principal().getName());
        encryptedKey.setKeyInfo(names);
        XMLCipher cipher = XMLCipher.getInstance(words[3]);
        cipher.init(XMLCipher.ENCRYPT_MODE, dataKey);
        EncryptedData data =
                cipher.encryptData(
                        document,
                        "http://www.w3.org/2001/04/xmlenc#Element",
                        Files.newInputStream(Path.of(words[1])));
        KeyInfo keys = new KeyInfo(document);
        keys.add(encryptedKey);
        data.setKeyInfo(keys);
        data.setId("1-is-no-name@example");
        data.setMimeType(words[5]);
        document.appendChild(cipher.martial(document, data));
        write(document, words[6]);
        return "true";
    }

    /** decrypt, part, key, result. */
    private static String decrypt(String[] words) throws Exception {
        Document document = parse(words[1]);
        XMLCipher cipher = XMLCipher.getInstance();
        cipher.init(XMLCipher.DECRYPT_MODE, null);
        cipher.setKEK(key(words[2]));
        byte[] octets = cipher.decryptToByteArray(document.getDocumentElement());
        Files.write(Path.of(words[3]), octets);
        return "true";
    }

    private static Document newDocument() throws Exception {
        return builders().newDocumentBuilder().newDocument();
    }

    private static Document parse(String file) throws Exception {
        return builders().newDocumentBuilder().parse(Path.of(file).toFile());
    }

    private static DocumentBuilderFactory builders() {
        DocumentBuilderFactory builders = DocumentBuilderFactory.newInstance();
        builders.setNamespaceAware(true);
        return builders;
    }

    private static X509Certificate certificate(String file) throws Exception {
        byte[] octets = Files.readAllBytes(Path.of(file));
        return (X509Certificate)
                CertificateFactory.getInstance("X.509")
                        .generateCertificate(new ByteArrayInputStream(octets));
    }

    private static Key key(String file) throws Exception {
        byte[] octets = Files.readAllBytes(Path.of(file));
        return KeyFactory.getInstance("RSA").generatePrivate(new PKCS8EncodedKeySpec(octets));
    }

    private static void write(Document document, String file) throws Exception {
        try (OutputStream out = Files.newOutputStream(Path.of(file))) {
            XMLUtils.outputDOM(document, out, true);
        }
    }
}
