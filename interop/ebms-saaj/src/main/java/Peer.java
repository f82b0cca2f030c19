import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.net.URLDecoder;
import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.UUID;
import java.util.stream.Collectors;

/**
 * Runs a handler, and does what stdin says: a command a line, an answer a line.
 *
 * <p>Arguments are NAME=VALUE: pki, tls and signing (names of identities in it), party
 * (type:value), and, if wanted, port, style, c14n, key-transport and trace (a directory).
 * A line is the name of a command and a query string: {@code send?cpa=...&action=...}.
 */
public final class Peer {
    private final Handler handler;

    private Peer(Handler handler) {
        this.handler = handler;
    }

    public static void main(String[] arguments) throws Exception {
        org.apache.xml.security.Init.init();
        Map<String, String> told = new HashMap<>();
        for (String argument : arguments) {
            int equals = argument.indexOf('=');
            told.put(argument.substring(0, equals), argument.substring(equals + 1));
        }
        Path pki = Path.of(told.get("pki"));
        String trace = told.get("trace");
        Transport transport =
                new Transport(pki, told.get("tls"), trace == null ? null : Path.of(trace));
        var key = Transport.key(pki, told.get("signing"));
        String style = told.getOrDefault("style", "core").toUpperCase(Locale.ROOT);
        Handler handler =
                new Handler(
                        new Kept.Identity(Agreement.Id.of(told.get("party")), key, key),
                        new Kept.Habits(
                                Packages.Style.valueOf(style),
                                told.getOrDefault("c14n", Names.C14N),
                                told.getOrDefault(
                                        "key-transport", Names.XMLENC + "rsa-oaep-mgf1p")),
                        transport);
        int port = transport.serve(Integer.parseInt(told.getOrDefault("port", "0")), handler);
        say("ready", Map.of("port", List.of(String.valueOf(port))));
        new Peer(handler).obey();
    }

    private void obey() throws Exception {
        BufferedReader in =
                new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line = in.readLine(); line != null; line = in.readLine()) {
            int mark = line.indexOf('?');
            String name = mark < 0 ? line : line.substring(0, mark);
            try {
                say("ok", done(name, mark < 0 ? Map.of() : query(line.substring(mark + 1))));
            } catch (Exception e) {
                say("failed", Map.of("why", List.of(String.valueOf(e))));
            }
        }
    }

    private Map<String, List<String>> done(String name, Map<String, List<String>> told)
            throws Exception {
        return switch (name) {
            case "cpa" -> {
                Agreement read = new Agreement(Files.readAllBytes(Path.of(one(told, "file"))));
                handler.agreements.put(read.id, read);
                yield Map.of("id", List.of(read.id));
            }
            case "ping" -> id(handler.ask(one(told, "cpa"), "Ping", null, sync(told)));
            case "ask" ->
                    id(
                            handler.ask(
                                    one(told, "cpa"), "StatusRequest", one(told, "id"), sync(told)));
            case "reply" -> {
                String reply = handler.replies.get(one(told, "id"));
                yield reply == null ? Map.of() : Map.of("reply", List.of(reply));
            }
            case "send" ->
                    id(
                            handler.send(
                                    one(told, "cpa"),
                                    one(told, "service"),
                                    one(told, "action"),
                                    one(told, "conversation"),
                                    one(told, "ref-to"),
                                    parts(told.getOrDefault("payload", List.of()))));
            case "status" -> {
                Kept.Sent message = handler.sent.get(one(told, "id"));
                yield Map.of(
                        "state", List.of(message.state),
                        "why", List.of(message.why),
                        "attempts", List.of(String.valueOf(message.attempts)),
                        "acknowledged", List.of(String.valueOf(message.acknowledged)));
            }
            case "repeat" ->
                    Map.of("http", List.of(String.valueOf(handler.repeat(one(told, "id")))));
            case "received" -> Map.of("message", received());
            case "fault" -> {
                handler.faults.set(one(told, "name"), Integer.parseInt(one(told, "times")));
                yield Map.of();
            }
            default -> throw new IllegalArgumentException("no such command: " + name);
        };
    }

    /** Messages that were taken: id, service, action, sender, conversation, times, digests. */
    private List<String> received() throws Exception {
        List<String> found = new ArrayList<>();
        for (Kept.Received message : handler.received.values()) {
            if (message.parts == null) {
                continue;
            }
            Header header = message.header;
            List<String> fields = new ArrayList<>();
            fields.add(header.messageId());
            fields.add(header.service());
            fields.add(header.action());
            fields.add(header.from().typed());
            fields.add(header.conversationId());
            fields.add(String.valueOf(1 + message.duplicates));
            for (Part part : message.parts) {
                fields.add(part.sha256());
            }
            found.add(String.join("|", fields));
        }
        return found;
    }

    /** Payloads are FILE|TYPE; they get ids of their own. */
    private static List<Part> parts(List<String> told) throws Exception {
        List<Part> parts = new ArrayList<>();
        for (String payload : told) {
            Path file = Path.of(payload.substring(0, payload.lastIndexOf('|')));
            String type = payload.substring(payload.lastIndexOf('|') + 1);
            String name = String.valueOf(file.getFileName());
            parts.add(
                    new Part(UUID.randomUUID() + "@localhost", type, name, Files.readAllBytes(file)));
        }
        return parts;
    }

    private static boolean sync(Map<String, List<String>> told) {
        return told.containsKey("sync");
    }

    private static Map<String, List<String>> id(String id) {
        return Map.of("id", List.of(id));
    }

    private static String one(Map<String, List<String>> told, String name) {
        List<String> values = told.get(name);
        return values == null ? null : values.get(0);
    }

    private static Map<String, List<String>> query(String text) {
        Map<String, List<String>> found = new HashMap<>();
        for (String pair : text.split("&")) {
            int equals = pair.indexOf('=');
            String value = URLDecoder.decode(pair.substring(equals + 1), StandardCharsets.UTF_8);
            found.computeIfAbsent(pair.substring(0, equals), n -> new ArrayList<>()).add(value);
        }
        return found;
    }

    private static void say(String name, Map<String, List<String>> values) {
        String query =
                values.entrySet().stream()
                        .flatMap(e -> e.getValue().stream().map(v -> e.getKey() + "=" + encoded(v)))
                        .collect(Collectors.joining("&"));
        System.out.println(query.isEmpty() ? name : name + "?" + query);
        System.out.flush();
    }

    private static String encoded(String value) {
        return URLEncoder.encode(value, StandardCharsets.UTF_8);
    }
}
