import jakarta.xml.soap.SOAPFault;
import jakarta.xml.ws.soap.SOAPFaultException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import nl.logius.digipoort.koppelvlakservices._1.AanleverRequest;
import nl.logius.digipoort.koppelvlakservices._1.BerichtInhoudType;
import nl.logius.digipoort.koppelvlakservices._1.BerichtLijstResultaatType;
import nl.logius.digipoort.koppelvlakservices._1.BerichtResultaatType;
import nl.logius.digipoort.koppelvlakservices._1.BerichtenLijstVraagType;
import nl.logius.digipoort.koppelvlakservices._1.FoutType;
import nl.logius.digipoort.koppelvlakservices._1.IdentiteitType;
import nl.logius.digipoort.koppelvlakservices._1.KenmerkVraagType;
import nl.logius.digipoort.koppelvlakservices._1.StatusResultatenType;
import nl.logius.digipoort.wus._2_0.aanleverservice._1_2.AanleverFault;
import nl.logius.digipoort.wus._2_0.aanleverservice._1_2.AanleverServiceV12;
import nl.logius.digipoort.wus._2_0.ophaalservice._1_2.OphaalFault;
import nl.logius.digipoort.wus._2_0.ophaalservice._1_2.OphaalServiceV12;
import nl.logius.digipoort.wus._2_0.statusinformatieservice._1_2.StatusinformatieFault;
import nl.logius.digipoort.wus._2_0.statusinformatieservice._1_2.StatusinformatieServiceV12;
import wus.digipoort.echo._1.EchoFault;
import wus.digipoort.echo._1.EchoType;

/** Does one action: URL PKI ALG ACTION [KENMERK|TEXT]; system properties name the document and wsdl/. */
final class Interop {
    private static final String FILING = "AanleverService";

    public static void main(String[] arguments) throws Exception {
        Gateway.Algorithm algorithm = Gateway.Algorithm.valueOf(arguments[2].toUpperCase());
        // The WSDL's algorithm suite says SHA-1, so only with SHA-1 can its policy be followed.
        boolean policy = algorithm == Gateway.Algorithm.SHA1
                && !"interceptors".equals(System.getenv("CXF_SECURITY"));
        Gateway gateway = new Gateway(arguments[0], Path.of(arguments[1]),
                Path.of(System.getProperty("wsdl")), algorithm, policy);
        String about = arguments.length > 4 ? arguments[4] : null;
        int status = 0;
        try {
            switch (arguments[3]) {
                case "file" -> file(gateway.port(AanleverServiceV12.class, FILING));
                case "file-mtom" -> file(gateway.mtomPort(AanleverServiceV12.class, FILING));
                case "statuses" -> print(status(gateway)
                        .getStatussenProces(asking(about)).getGetStatussenProcesReturn());
                case "new-statuses" -> print(status(gateway)
                        .getNieuweStatussenProces(asking(about))
                        .getGetNieuweStatussenProcesReturn());
                case "list" -> list(gateway);
                case "by-kenmerk" -> byKenmerk(gateway, about);
                case "echo" -> echo(gateway, about);
                default -> throw new IllegalArgumentException(arguments[3]);
            }
        } catch (AanleverFault fault) {
            status = fault(fault.getFaultInfo());
        } catch (StatusinformatieFault fault) {
            status = fault(fault.getFaultInfo());
        } catch (OphaalFault fault) {
            status = fault(fault.getFaultInfo());
        } catch (EchoFault fault) {
            System.err.println("fault: " + fault.getFaultInfo().getCode() + ": "
                    + fault.getMessage());
            status = 4;
        } catch (SOAPFaultException error) {
            // Of Digipoort every fault is declared, and caught above. Of Digikoppeling those are
            // that concern the Body. What else CXF reports as a fault of the gateway, it found
            // itself while it judged the answer.
            status = ReceivedFault.came() ? fault(error.getFault()) : badAnswer(error);
        }
        // CXF keeps threads that would delay the end of the program.
        System.exit(status);
    }

    private static void file(AanleverServiceV12 port) throws Exception {
        Path document = Path.of(System.getProperty("filing"));
        IdentiteitType party = new IdentiteitType();
        party.setNummer("001000044B37");
        party.setType("Fi");
        BerichtInhoudType content = new BerichtInhoudType();
        content.setMimeType("application/xml");
        content.setBestandsnaam("Omzetbelasting.xbrl");
        content.setInhoud(Files.readAllBytes(document));
        AanleverRequest request = new AanleverRequest();
        request.setBerichtsoort("Omzetbelasting");
        request.setAanleverkenmerk("interop-cxf");
        request.setIdentiteitBelanghebbende(party);
        request.setRolBelanghebbende("Bedrijf");
        request.setBerichtInhoud(content);
        request.setAutorisatieAdres("http://geenausp.nl");
        System.out.println(port.aanleveren(request).getKenmerk());
    }

    private static void list(Gateway gateway) throws Exception {
        for (BerichtLijstResultaatType each : retrieval(gateway)
                .getBerichtenLijst(new BerichtenLijstVraagType())
                .getGetBerichtenLijstReturn().getBerichtLijstResultaat()) {
            System.out.println(each.getKenmerk());
        }
    }

    private static void byKenmerk(Gateway gateway, String kenmerk) throws Exception {
        for (BerichtResultaatType each : retrieval(gateway)
                .getBerichtenKenmerk(asking(kenmerk))
                .getGetBerichtenKenmerkReturn().getBerichtResultaat()) {
            BerichtInhoudType content = each.getBerichtInhoud();
            System.out.println(content.getBestandsnaam() + " " + content.getInhoud().length);
        }
    }

    /** Sends a text, and its octets as data; prints both as they came back. */
    private static void echo(Gateway gateway, String text) throws Exception {
        EchoType request = new EchoType();
        request.setText(text);
        request.setData(text.getBytes(StandardCharsets.UTF_8));
        EchoType answer = gateway.echo().echo(request);
        PrintStream out = new PrintStream(System.out, true, StandardCharsets.UTF_8);
        out.println(answer.getText());
        out.println(new String(answer.getData(), StandardCharsets.UTF_8));
    }

    private static void print(StatusResultatenType statuses) {
        statuses.getStatusResultaat().forEach(each -> System.out.println(each.getStatuscode()));
    }

    private static StatusinformatieServiceV12 status(Gateway gateway) {
        return gateway.port(StatusinformatieServiceV12.class, "StatusinformatieService");
    }

    private static OphaalServiceV12 retrieval(Gateway gateway) {
        return gateway.port(OphaalServiceV12.class, "OphaalService");
    }

    private static KenmerkVraagType asking(String kenmerk) {
        KenmerkVraagType question = new KenmerkVraagType();
        question.setKenmerk(kenmerk);
        return question;
    }

    private static int fault(FoutType fault) {
        System.err.println("fault: " + fault.getFoutcode() + ": " + fault.getFoutbeschrijving());
        return 4;
    }

    private static int fault(SOAPFault fault) {
        System.err.println("fault: " + fault.getFaultCode() + ": " + fault.getFaultString());
        return 4;
    }

    private static int badAnswer(Throwable error) {
        Throwable reason = error;
        while (reason.getCause() != null) {
            reason = reason.getCause();
        }
        System.err.println("bad answer: " + reason.getMessage());
        return 3;
    }
}
