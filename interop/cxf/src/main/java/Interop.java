import jakarta.xml.ws.soap.SOAPFaultException;
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

/** Does one action: URL PKI ALG ACTION [KENMERK]; system properties name the document and wsdl/. */
final class Interop {

    public static void main(String[] arguments) throws Exception {
        boolean sha256 = arguments[2].equals("sha256");
        // The WSDL's algorithm suite says SHA-1, so only with SHA-1 can its policy be followed.
        boolean policy = !sha256 && !"interceptors".equals(System.getenv("CXF_SECURITY"));
        Gateway gateway = new Gateway(arguments[0], Path.of(arguments[1]),
                Path.of(System.getProperty("wsdl")), sha256, policy);
        String kenmerk = arguments.length > 4 ? arguments[4] : null;
        int status = 0;
        try {
            switch (arguments[3]) {
                case "file" -> file(gateway, Path.of(System.getProperty("filing")));
                case "statuses" -> print(status(gateway)
                        .getStatussenProces(about(kenmerk)).getGetStatussenProcesReturn());
                case "new-statuses" -> print(status(gateway)
                        .getNieuweStatussenProces(about(kenmerk))
                        .getGetNieuweStatussenProcesReturn());
                case "list" -> list(gateway);
                case "by-kenmerk" -> byKenmerk(gateway, kenmerk);
                default -> throw new IllegalArgumentException(arguments[3]);
            }
        } catch (AanleverFault fault) {
            status = fault(fault.getFaultInfo());
        } catch (StatusinformatieFault fault) {
            status = fault(fault.getFaultInfo());
        } catch (OphaalFault fault) {
            status = fault(fault.getFaultInfo());
        } catch (SOAPFaultException error) {
            // Every fault of the interface is declared, and caught above: what else CXF reports
            // as a fault of the gateway, it found itself while it judged the answer.
            status = badAnswer(error);
        }
        // CXF keeps threads that would delay the end of the program.
        System.exit(status);
    }

    private static void file(Gateway gateway, Path document) throws Exception {
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
        AanleverServiceV12 port = gateway.port(AanleverServiceV12.class, "AanleverService");
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
                .getBerichtenKenmerk(about(kenmerk))
                .getGetBerichtenKenmerkReturn().getBerichtResultaat()) {
            BerichtInhoudType content = each.getBerichtInhoud();
            System.out.println(content.getBestandsnaam() + " " + content.getInhoud().length);
        }
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

    private static KenmerkVraagType about(String kenmerk) {
        KenmerkVraagType question = new KenmerkVraagType();
        question.setKenmerk(kenmerk);
        return question;
    }

    private static int fault(FoutType fault) {
        System.err.println("fault: " + fault.getFoutcode() + ": " + fault.getFoutbeschrijving());
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
