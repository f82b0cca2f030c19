import java.security.MessageDigest;
import java.util.HexFormat;

/** One payload: its Content-ID without brackets, its type, its decoded octets. */
record Part(String id, String type, String name, byte[] octets) {
    String sha256() throws Exception {
        return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(octets));
    }
}
