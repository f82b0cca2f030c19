import jakarta.xml.soap.AttachmentPart;
import jakarta.xml.soap.MessageFactory;
import jakarta.xml.soap.MimeHeaders;
import jakarta.xml.soap.SOAPConstants;
import jakarta.xml.soap.SOAPMessage;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.InputStream;
import java.io.Reader;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Base64;
import java.util.Iterator;
import java.util.List;
import java.util.UUID;
import javax.xml.transform.stream.StreamSource;

/** Packages of an envelope and its payloads: read by SAAJ, written in several forms. */
final class Packages {
    private Packages() {}

    /** How a package is written. */
    enum Style {
        /** As SAAJ does it. */
        SAAJ,
        /** As ebms-core does it: binary, with start-info and Content-Disposition. */
        CORE,
        /** As some others do it: base64, no start, ids without a host. */
        BASE64
    }

    /** Octets and their Content-Type. */
    record Body(String type, byte[] octets) {}

    /** What a package holds. */
    record Content(byte[] envelope, List<Part> parts) {}

    static Content read(String type, byte[] octets) throws Exception {
        MimeHeaders headers = new MimeHeaders();
        headers.addHeader("Content-Type", type);
        SOAPMessage message =
                MessageFactory.newInstance(SOAPConstants.SOAP_1_1_PROTOCOL)
                        .createMessage(headers, new ByteArrayInputStream(octets));
        List<Part> parts = new ArrayList<>();
        for (Iterator<AttachmentPart> i = message.getAttachments(); i.hasNext(); ) {
            AttachmentPart part = i.next();
            String id = part.getContentId();
            parts.add(
                    new Part(
                            id == null ? null : id.replaceAll("^<|>$", ""),
                            part.getContentType(),
                            name(part),
                            part.getRawContentBytes()));
        }
        return new Content(bytes((StreamSource) message.getSOAPPart().getContent()), parts);
    }

    static Body written(byte[] envelope, List<Part> parts, Style style) throws Exception {
        if (parts.isEmpty() && style != Style.SAAJ) {
            return new Body("text/xml; charset=UTF-8", envelope);
        }
        return style == Style.SAAJ ? bySaaj(envelope, parts) : byHand(envelope, parts, style);
    }

    private static Body bySaaj(byte[] envelope, List<Part> parts) throws Exception {
        SOAPMessage message =
                MessageFactory.newInstance(SOAPConstants.SOAP_1_1_PROTOCOL).createMessage();
        message.getSOAPPart().setContent(new StreamSource(new ByteArrayInputStream(envelope)));
        for (Part part : parts) {
            AttachmentPart attachment = message.createAttachmentPart();
            attachment.setRawContentBytes(part.octets(), 0, part.octets().length, part.type());
            attachment.setContentId("<" + part.id() + ">");
            message.addAttachmentPart(attachment);
        }
        message.saveChanges();
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        message.writeTo(out);
        return new Body(message.getMimeHeaders().getHeader("Content-Type")[0], out.toByteArray());
    }

    private static Body byHand(byte[] envelope, List<Part> parts, Style style) throws Exception {
        boolean core = style == Style.CORE;
        String boundary = core ? "-=" + UUID.randomUUID() + "=-" : "MIME-boundary";
        String root = core ? UUID.randomUUID() + "@localhost" : "soappart";
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        line(out, "--" + boundary);
        line(out, "Content-Type: text/xml; charset=UTF-8");
        line(out, "Content-ID: <" + root + ">");
        if (!core) {
            line(out, "Content-Transfer-Encoding: base64");
        }
        line(out, "");
        content(out, envelope, core);
        for (Part part : parts) {
            boolean text = part.type().contains("text") || part.type().contains("xml");
            line(out, "");
            line(out, "--" + boundary);
            line(out, "Content-Type: " + part.type());
            line(out, (core ? "Content-ID: <" : "Content-Id: <") + part.id() + ">");
            if (core && part.name() != null) {
                line(out, "Content-Disposition: attachment; filename=\"" + part.name() + "\"");
            }
            if (!core) {
                line(out, "Content-Transfer-Encoding: base64");
            } else if (!text) {
                line(out, "Content-Transfer-Encoding: binary");
            }
            line(out, "");
            content(out, part.octets(), core);
        }
        line(out, "");
        line(out, "--" + boundary + "--");
        String type = "multipart/related; boundary=\"" + boundary + "\"; type=\"text/xml\"";
        if (core) {
            type += "; start=\"<" + root + ">\"; start-info=\"text/xml\"";
        }
        return new Body(type, out.toByteArray());
    }

    private static void content(ByteArrayOutputStream out, byte[] octets, boolean binary)
            throws Exception {
        out.write(binary ? octets : Base64.getMimeEncoder().encode(octets));
    }

    private static void line(ByteArrayOutputStream out, String line) throws Exception {
        out.write((line + "\r\n").getBytes(StandardCharsets.UTF_8));
    }

    private static String name(AttachmentPart part) {
        String[] said = part.getMimeHeader("Content-Disposition");
        if (said == null || !said[0].contains("filename=")) {
            return null;
        }
        return said[0].replaceAll(".*filename=\"?([^\";]*)\"?.*", "$1");
    }

    private static byte[] bytes(StreamSource source) throws Exception {
        try (InputStream stream = source.getInputStream()) {
            if (stream != null) {
                return stream.readAllBytes();
            }
        }
        StringBuilder text = new StringBuilder();
        try (Reader reader = source.getReader()) {
            for (int c = reader.read(); c >= 0; c = reader.read()) {
                text.append((char) c);
            }
        }
        return text.toString().getBytes(StandardCharsets.UTF_8);
    }
}
