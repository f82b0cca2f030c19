import java.nio.charset.StandardCharsets;

/** Answers of HTTP that hold no signal. */
final class Answers {
    private Answers() {}

    static Transport.Answer nothing() {
        return new Transport.Answer(204, null, new byte[0]);
    }

    static Transport.Answer fault(Exception e) {
        String code = e instanceof Problem ? "Client" : "Server";
        String said = String.valueOf(e.getMessage()).replaceAll("[<&]", "?");
        String fault =
                "<soap:Envelope xmlns:soap=\"" + Names.SOAP + "\"><soap:Body><soap:Fault>"
                        + "<faultcode>soap:" + code + "</faultcode><faultstring>" + said
                        + "</faultstring></soap:Fault></soap:Body></soap:Envelope>";
        return new Transport.Answer(
                500, "text/xml; charset=UTF-8", fault.getBytes(StandardCharsets.UTF_8));
    }
}
