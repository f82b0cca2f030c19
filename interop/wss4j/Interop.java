import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Base64;
import org.w3c.dom.Element;
import org.w3c.dom.NodeList;

/** Does one action: URL PKI ALG ACTION [KENMERK|TEXT]; the property "filing" names the document. */
final class Interop {
    private static final String STATUS = "StatusinformatieService";
    private static final String RETRIEVAL = "OphaalService";

    public static void main(String[] arguments) throws Exception {
        Wus wus = new Wus(arguments[0], Path.of(arguments[1]),
                Wus.Algorithm.valueOf(arguments[2].toUpperCase()));
        String about = arguments.length > 4 ? arguments[4] : null;
        try {
            switch (arguments[3]) {
                case "file" -> file(wus, Path.of(System.getProperty("filing")));
                case "statuses" -> statuses(wus, "getStatussenProces", about);
                case "new-statuses" -> statuses(wus, "getNieuweStatussenProces", about);
                case "list" -> list(wus);
                case "by-kenmerk" -> byKenmerk(wus, about);
                case "echo" -> echo(wus, about);
                default -> throw new IllegalArgumentException(arguments[3]);
            }
        } catch (Wus.BadAnswer error) {
            System.err.println("bad answer: " + error.getMessage());
            System.exit(3);
        } catch (Wus.Fault error) {
            System.err.println("fault: " + error.getMessage());
            System.exit(4);
        }
    }

    private static void file(Wus wus, Path document) throws Exception {
        Element request = wus.request(Wus.TYPES, "aanleverRequest");
        Wus.add(request, "berichtsoort", "Omzetbelasting");
        Wus.add(request, "aanleverkenmerk", "interop-wss4j");
        Element party = Wus.add(request, "identiteitBelanghebbende", "");
        Wus.add(party, "nummer", "001000044B37");
        Wus.add(party, "type", "Fi");
        Wus.add(request, "rolBelanghebbende", "Bedrijf");
        Element content = Wus.add(request, "berichtInhoud", "");
        Wus.add(content, "mimeType", "application/xml");
        Wus.add(content, "bestandsnaam", "Omzetbelasting.xbrl");
        byte[] octets = Files.readAllBytes(document);
        Wus.add(content, "inhoud", Base64.getEncoder().encodeToString(octets));
        Wus.add(request, "autorisatieAdres", "http://geenausp.nl");
        System.out.println(text(wus.call("AanleverService", "aanleveren", request), "kenmerk"));
    }

    private static void statuses(Wus wus, String operation, String kenmerk) throws Exception {
        Element request = wus.request(Wus.TYPES, operation + "Request");
        Wus.add(request, "kenmerk", kenmerk);
        NodeList found = elements(wus.call(STATUS, operation, request), "StatusResultaat");
        for (int i = 0; i < found.getLength(); i++) {
            System.out.println(text((Element) found.item(i), "statuscode"));
        }
    }

    private static void list(Wus wus) throws Exception {
        Element request = wus.request(Wus.TYPES, "getBerichtenLijstRequest");
        Element answer = wus.call(RETRIEVAL, "getBerichtenLijst", request);
        NodeList found = elements(answer, "BerichtLijstResultaat");
        for (int i = 0; i < found.getLength(); i++) {
            System.out.println(text((Element) found.item(i), "kenmerk"));
        }
    }

    private static void byKenmerk(Wus wus, String kenmerk) throws Exception {
        Element request = wus.request(Wus.TYPES, "getBerichtenKenmerkRequest");
        Wus.add(request, "kenmerk", kenmerk);
        Element answer = wus.call(RETRIEVAL, "getBerichtenKenmerk", request);
        NodeList found = elements(answer, "berichtInhoud");
        for (int i = 0; i < found.getLength(); i++) {
            Element content = (Element) found.item(i);
            byte[] decoded = Base64.getMimeDecoder().decode(text(content, "inhoud"));
            System.out.println(text(content, "bestandsnaam") + " " + decoded.length);
        }
    }

    /** Sends a text, and its octets as data; prints both as they came back. */
    private static void echo(Wus wus, String text) throws Exception {
        Element request = wus.request(Wus.ECHO, "echoRequest");
        Wus.add(request, "text", text);
        byte[] octets = text.getBytes(StandardCharsets.UTF_8);
        Wus.add(request, "data", Base64.getEncoder().encodeToString(octets));
        Element answer = (Element) wus.echo(request)
                .getElementsByTagNameNS(Wus.ECHO, "echoResponse").item(0);
        PrintStream out = new PrintStream(System.out, true, StandardCharsets.UTF_8);
        out.println(answer.getFirstChild().getTextContent());
        byte[] data = Base64.getMimeDecoder().decode(answer.getLastChild().getTextContent());
        out.println(new String(data, StandardCharsets.UTF_8));
    }

    private static NodeList elements(Element parent, String name) {
        return parent.getElementsByTagNameNS(Wus.TYPES, name);
    }

    private static String text(Element parent, String name) {
        return elements(parent, name).item(0).getTextContent().strip();
    }
}
