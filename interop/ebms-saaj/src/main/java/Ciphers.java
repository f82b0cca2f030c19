import java.io.ByteArrayInputStream;
import java.nio.charset.StandardCharsets;
import java.security.PrivateKey;
import javax.crypto.KeyGenerator;
import javax.crypto.SecretKey;
import org.apache.xml.security.encryption.EncryptedData;
import org.apache.xml.security.encryption.EncryptedKey;
import org.apache.xml.security.encryption.XMLCipher;
import org.apache.xml.security.keys.KeyInfo;
import org.apache.xml.security.utils.EncryptionConstants;
import org.w3c.dom.Document;
import org.w3c.dom.Element;

/** Encryption of payloads by Apache Santuario, in the form that ebms-core gives them. */
final class Ciphers {
    private Ciphers() {}

    static Part encrypted(Part part, Agreement.Encryption how, String keyTransport)
            throws Exception {
        Document document = Dom.parsed("<none/>".getBytes(StandardCharsets.UTF_8));
        KeyGenerator generator = KeyGenerator.getInstance("AES");
        generator.init(how.algorithm().contains("128") ? 128 : 256);
        SecretKey key = generator.generateKey();
        XMLCipher keys = XMLCipher.getInstance(keyTransport);
        keys.init(XMLCipher.WRAP_MODE, how.certificate().getPublicKey());
        EncryptedKey wrapped = keys.encryptKey(document, key);
        KeyInfo whose = new KeyInfo(document);
        whose.addKeyName(how.certificate().getSubjectX500Principal().getName());
        wrapped.setKeyInfo(whose);
        XMLCipher cipher = XMLCipher.getInstance(how.algorithm());
        cipher.init(XMLCipher.ENCRYPT_MODE, key);
        EncryptedData data =
                cipher.encryptData(
                        document,
                        EncryptionConstants.TYPE_ELEMENT,
                        new ByteArrayInputStream(part.octets()));
        KeyInfo info = new KeyInfo(document);
        info.add(wrapped);
        data.setKeyInfo(info);
        data.setId(part.id());
        data.setMimeType(part.type());
        Element element = cipher.martial(data);
        return new Part(part.id(), "application/xml", part.name(), Dom.written(element));
    }

    static Part decrypted(Part part, PrivateKey key) throws Exception {
        try {
            Document document = Dom.parsed(part.octets());
            Element element = document.getDocumentElement();
            XMLCipher keys = XMLCipher.getInstance();
            keys.init(XMLCipher.DECRYPT_MODE, null);
            EncryptedData data = keys.loadEncryptedData(document, element);
            EncryptedKey wrapped = data.getKeyInfo().itemEncryptedKey(0);
            String algorithm = data.getEncryptionMethod().getAlgorithm();
            XMLCipher unwrapping = XMLCipher.getInstance();
            unwrapping.init(XMLCipher.UNWRAP_MODE, key);
            var secret = unwrapping.decryptKey(wrapped, algorithm);
            XMLCipher cipher = XMLCipher.getInstance();
            cipher.init(XMLCipher.DECRYPT_MODE, secret);
            byte[] plain = cipher.decryptToByteArray(element);
            String type = data.getMimeType() == null ? part.type() : data.getMimeType();
            return new Part(part.id(), type, part.name(), plain);
        } catch (Exception e) {
            throw new Problem("SecurityFailure", "cid:" + part.id(), "cannot be decrypted");
        }
    }
}
