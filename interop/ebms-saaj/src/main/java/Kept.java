import java.security.PrivateKey;
import java.util.List;
import java.util.Map;

/** What a handler knows: of itself, and of messages. */
final class Kept {
    private Kept() {}

    /** What this party is. */
    record Identity(Agreement.Id id, PrivateKey signing, PrivateKey decrypting) {}

    /** How this party writes. */
    record Habits(Packages.Style style, String c14n, String keyTransport) {}

    /** A message that was sent, and what became of it. */
    static final class Sent {
        final Header header;
        final Agreement.Terms terms;
        final Packages.Body body;
        final Map<String, String> digests;
        volatile String state = "SENDING";
        volatile String why = "";
        volatile int attempts;
        volatile int acknowledged;

        Sent(Header header, Agreement.Terms terms, Packages.Body body, Map<String, String> digests) {
            this.header = header;
            this.terms = terms;
            this.body = body;
            this.digests = digests;
        }
    }

    /** A message that was received, what it held, and what was answered. */
    static final class Received {
        final Header header;
        final List<Part> parts;
        final Packages.Body answer;
        final String url;
        final String at = Header.now();
        volatile int duplicates;

        Received(Header header, List<Part> parts, Packages.Body answer, String url) {
            this.header = header;
            this.parts = parts;
            this.answer = answer;
            this.url = url;
        }
    }
}
