import java.io.BufferedReader;
import java.io.ByteArrayInputStream;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.cert.CertificateFactory;
import java.util.HashMap;
import java.util.Map;
import javax.xml.crypto.Data;
import javax.xml.crypto.KeySelector;
import javax.xml.crypto.OctetStreamData;
import javax.xml.crypto.URIDereferencer;
import javax.xml.crypto.dsig.XMLSignature;
import javax.xml.crypto.dsig.XMLSignatureFactory;
import javax.xml.crypto.dsig.dom.DOMValidateContext;
import javax.xml.parsers.DocumentBuilderFactory;
import org.w3c.dom.Document;
import org.w3c.dom.NodeList;

/** Verifies ebMS signatures with the JDK alone: one command a line, one verdict a line. */
public final class JdkSignatures {
    private JdkSignatures() {}

    public static void main(String[] none) throws Exception {
        BufferedReader lines =
                new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line = lines.readLine(); line != null; line = lines.readLine()) {
            String verdict;
            try {
                verdict = verify(line.split("\t", -1));
            } catch (Exception error) {
                verdict = "error " + String.valueOf(error).replaceAll("\\s+", " ");
            }
            System.out.println(verdict);
            System.out.flush();
        }
    }

    /** verify, envelope, certificate, and a cid and a file for each part. */
    private static String verify(String[] words) throws Exception {
        DocumentBuilderFactory builders = DocumentBuilderFactory.newInstance();
        builders.setNamespaceAware(true);
        Document envelope = builders.newDocumentBuilder().parse(Path.of(words[1]).toFile());
        var certificate =
                CertificateFactory.getInstance("X.509")
                        .generateCertificate(
                                new ByteArrayInputStream(Files.readAllBytes(Path.of(words[2]))));
        Map<String, String> parts = new HashMap<>();
        for (int i = 3; i + 1 < words.length; i += 2) {
            parts.put(words[i], words[i + 1]);
        }
        NodeList found = envelope.getElementsByTagNameNS(XMLSignature.XMLNS, "Signature");
        DOMValidateContext context =
                new DOMValidateContext(
                        KeySelector.singletonKeySelector(certificate.getPublicKey()),
                        found.item(0));
        context.setProperty("org.jcp.xml.dsig.secureValidation", Boolean.TRUE);
        XMLSignatureFactory signatures = XMLSignatureFactory.getInstance("DOM");
        URIDereferencer usual = signatures.getURIDereferencer();
        context.setURIDereferencer(
                (reference, inside) -> {
                    String file = parts.get(reference.getURI());
                    if (file == null) {
                        return usual.dereference(reference, inside);
                    }
                    try {
                        Data data = new OctetStreamData(Files.newInputStream(Path.of(file)));
                        return data;
                    } catch (java.io.IOException error) {
                        throw new javax.xml.crypto.URIReferenceException(error);
                    }
                });
        return String.valueOf(signatures.unmarshalXMLSignature(context).validate(context));
    }
}
