import java.security.PrivateKey;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import org.w3c.dom.Document;
import org.w3c.dom.Element;

/** A message service handler that remembers as long as it runs. */
final class Handler implements Transport.Receiver {
    final Map<String, Agreement> agreements = new ConcurrentHashMap<>();
    final Map<String, Kept.Sent> sent = new ConcurrentHashMap<>();
    final Map<String, Kept.Received> received = new ConcurrentHashMap<>();
    /** Pongs and status responses, by the message that asked. */
    final Map<String, String> replies = new ConcurrentHashMap<>();
    final Faults faults = new Faults();

    private final Kept.Identity me;
    private final Kept.Habits habits;
    private final Transport transport;
    private final ScheduledExecutorService clock =
            Executors.newScheduledThreadPool(
                    4,
                    task -> {
                        Thread thread = new Thread(task);
                        thread.setDaemon(true);
                        return thread;
                    });

    Handler(Kept.Identity me, Kept.Habits habits, Transport transport) {
        this.me = me;
        this.habits = habits;
        this.transport = transport;
    }

    // Sending.

    /** Sends a message of its own, and returns its id. */
    String send(
            String cpaId,
            String service,
            String action,
            String conversation,
            String refTo,
            List<Part> parts)
            throws Exception {
        Agreement agreement = agreement(cpaId);
        Agreement.Terms terms = agreement.business(me.id(), service, action);
        boolean reliable = terms.ack();
        String until =
                Instant.now()
                        .plus(terms.interval().multipliedBy(terms.retries() + 1L))
                        .plusSeconds(1)
                        .truncatedTo(ChronoUnit.SECONDS)
                        .toString();
        String id = Header.newId();
        Header header =
                new Header(
                        me.id(), terms.fromRole(), agreement.other(me.id()), terms.toRole(), cpaId,
                        conversation == null ? id : conversation, terms.serviceType(), service,
                        action, id, Header.now(), refTo, reliable ? until : null, terms.once());
        Envelope envelope = new Envelope(header, habits.style());
        if (terms.sync()) {
            envelope.syncReply();
        }
        if (terms.ack()) {
            envelope.ackRequested(terms.ackSigned());
        }
        if (!parts.isEmpty()) {
            envelope.manifest(parts);
        }
        Document document = envelope.finished();
        if (terms.signing() != null) {
            Signatures.sign(document, parts, terms.signing(), habits.c14n(), me.signing());
            if (faults.take("spoil")) {
                Element said = Header.extension(document, "MessageHeader");
                Element spoilt = Dom.child(said, Names.EB, "ConversationId");
                spoilt.setTextContent(spoilt.getTextContent() + "x");
            }
        }
        Packages.Body body =
                Packages.written(Dom.written(document), encrypted(parts, terms), habits.style());
        Kept.Sent message = new Kept.Sent(header, terms, body, Checks.digests(document));
        sent.put(id, message);
        clock.execute(() -> attempt(message));
        return id;
    }

    /** Sends a Ping or a StatusRequest, and returns its id; the reply comes as it comes. */
    String ask(String cpaId, String action, String about, boolean sync) throws Exception {
        Agreement agreement = agreement(cpaId);
        Header header =
                Header.ofSignal(
                        me.id(), agreement.other(me.id()), cpaId, Header.newId(), action, null);
        Envelope envelope = new Envelope(header, habits.style());
        if (sync) {
            envelope.syncReply();
        }
        if (about != null) {
            envelope.statusRequest(about);
        }
        String url = agreement.signal(me.id(), action).url();
        Packages.Body body =
                Packages.written(Dom.written(envelope.finished()), List.of(), habits.style());
        clock.execute(() -> post(url, body, header.messageId()));
        return header.messageId();
    }

    /** Sends the octets of a message once more, and returns the status of the answer. */
    int repeat(String id) throws Exception {
        Kept.Sent message = sent.get(id);
        Transport.Answer answer = transport.post(message.terms.url(), message.body);
        handleAnswer(answer);
        return answer.status();
    }

    private void attempt(Kept.Sent message) {
        if (!message.state.equals("SENDING")) {
            return;
        }
        if (message.attempts > message.terms.retries()) {
            message.state = "EXPIRED";
            return;
        }
        message.attempts++;
        boolean reliable = message.terms.ack();
        if (reliable) {
            clock.schedule(
                    () -> attempt(message),
                    message.terms.interval().toMillis(),
                    TimeUnit.MILLISECONDS);
        }
        try {
            Transport.Answer answer = transport.post(message.terms.url(), message.body);
            message.why = "HTTP " + answer.status();
            handleAnswer(answer);
            if (!reliable && message.state.equals("SENDING")) {
                message.state = answer.status() / 100 == 2 ? "DELIVERED" : "FAILED";
            } else if (answer.status() / 100 == 4) {
                message.state = "FAILED";
            }
        } catch (Exception e) {
            message.why = String.valueOf(e);
            if (!reliable) {
                message.state = "FAILED";
            }
        }
    }

    private void post(String url, Packages.Body body, String id) {
        try {
            Transport.Answer answer = transport.post(url, body);
            if (answer.status() / 100 != 2) {
                replies.put(id, "HTTP " + answer.status());
            }
            handleAnswer(answer);
        } catch (Exception e) {
            replies.put(id, "not sent: " + e);
        }
    }

    private void handleAnswer(Transport.Answer answer) throws Exception {
        if (answer.status() == 200 && answer.octets().length > 0) {
            Packages.Content content = Packages.read(answer.type(), answer.octets());
            Document envelope = Dom.parsed(content.envelope());
            Header header = Header.read(envelope);
            if (!header.isSignal()) {
                throw new Problem("NotSupported", "//Header", "an answer is a signal");
            }
            signalled(header, envelope);
        }
    }

    // Receiving.

    @Override
    public Transport.Answer receive(String type, String soapAction, byte[] octets) {
        if (faults.take("lose-requests")) {
            return null;
        }
        if (faults.take("refuse")) {
            return new Transport.Answer(503, null, new byte[0]);
        }
        Transport.Answer answer;
        try {
            if (!Names.SOAP_ACTION.equals(soapAction)) {
                throw new Problem("Unknown", "SOAPAction", "not ebXML");
            }
            answer = receive(Packages.read(type, octets));
        } catch (Exception e) {
            answer = Answers.fault(e);
        }
        return faults.take("lose-answers") ? null : answer;
    }

    private Transport.Answer receive(Packages.Content content) throws Exception {
        Document envelope = Dom.parsed(content.envelope());
        Header header = Header.read(envelope);
        Agreement agreement = agreement(header.cpaId());
        boolean sync = Header.extension(envelope, "SyncReply") != null;
        if (header.isSignal()) {
            return asked(agreement, header, envelope, sync);
        }
        Kept.Received before;
        synchronized (received) {
            before = received.get(header.messageId());
            if (before == null) {
                before = taken(agreement, header, envelope, content.parts());
                received.put(header.messageId(), before);
            } else {
                before.duplicates++;
            }
        }
        if (before.answer == null) {
            return Answers.nothing();
        }
        if (!sync && faults.take("hold-acks")) {
            return Answers.nothing();
        }
        return answered(before.answer, before.url, sync, header.messageId());
    }

    /** Judges a new message; a refused one has no parts, and an error as its answer. */
    private Kept.Received taken(
            Agreement agreement, Header header, Document envelope, List<Part> parts)
            throws Exception {
        String action = "Acknowledgment";
        Envelope answer = null;
        List<Part> plain = List.of();
        boolean signed = false;
        try {
            if (!agreement.other(header.from()).equals(me.id())) {
                throw new Problem("Inconsistent", "//Header/MessageHeader/To/PartyId", "not me");
            }
            Agreement.Terms terms =
                    agreement.business(header.from(), header.service(), header.action());
            Element asked = Header.extension(envelope, "AckRequested");
            if ((asked != null) != terms.ack()) {
                throw new Problem("Inconsistent", "//Header/AckRequested", "not as agreed");
            }
            if (header.once() != terms.once()) {
                throw new Problem(
                        "Inconsistent", "//Header/MessageHeader/DuplicateElimination", "not as agreed");
            }
            plain = plain(parts, terms);
            Checks.listed(envelope, plain);
            if (terms.signing() != null) {
                Signatures.verify(envelope, plain, terms.signing());
            }
            if (asked != null) {
                signed = "true".equals(Dom.attribute(asked, "signed"));
                Envelope made = new Envelope(header.answered("Acknowledgment"), habits.style());
                boolean wrong = signed && faults.take("wrong-acks");
                answer = made.acknowledgment(header, Checks.references(envelope, signed, wrong));
            }
        } catch (Problem problem) {
            action = "MessageError";
            signed = Dom.child(Header.soapHeader(envelope), Names.DS, "Signature") != null;
            answer = new Envelope(header.answered(action), habits.style()).errors(problem);
            plain = null;
        }
        Agreement.Terms back = agreement.signal(me.id(), action);
        Packages.Body body = null;
        if (answer != null) {
            Document document = answer.finished();
            if (signed && back.signing() != null) {
                Signatures.sign(document, List.of(), back.signing(), habits.c14n(), me.signing());
            }
            body = Packages.written(Dom.written(document), List.of(), habits.style());
        }
        return new Kept.Received(header, plain, body, back.url());
    }

    private Transport.Answer asked(
            Agreement agreement, Header header, Document envelope, boolean sync) throws Exception {
        Envelope answer;
        switch (header.action()) {
            case "Ping" -> answer = new Envelope(header.answered("Pong"), habits.style());
            case "StatusRequest" -> {
                Element body =
                        Dom.child(envelope.getDocumentElement(), Names.SOAP, "Body");
                String about =
                        Dom.text(Dom.at(body, Names.EB, "StatusRequest", "RefToMessageId"));
                Kept.Received known = received.get(about);
                answer =
                        new Envelope(header.answered("StatusResponse"), habits.style())
                                .statusResponse(
                                        about,
                                        known == null ? "NotRecognized" : "Received",
                                        known == null ? null : known.at);
            }
            default -> {
                signalled(header, envelope);
                return Answers.nothing();
            }
        }
        Packages.Body body =
                Packages.written(Dom.written(answer.finished()), List.of(), habits.style());
        String url = agreement.signal(me.id(), "Pong").url();
        return answered(body, url, sync, header.messageId());
    }

    private void signalled(Header header, Document envelope) throws Exception {
        String about = header.refTo();
        switch (header.action()) {
            case "Pong" -> replies.put(about, "Pong");
            case "StatusResponse" -> {
                Element body = Dom.child(envelope.getDocumentElement(), Names.SOAP, "Body");
                Element response = Dom.child(body, Names.EB, "StatusResponse");
                replies.put(about, Dom.attribute(response, "messageStatus"));
            }
            case "Acknowledgment" -> acknowledged(sent.get(about), envelope);
            case "MessageError" -> {
                Element error =
                        Dom.children(Header.extension(envelope, "ErrorList"), Names.EB, "Error")
                                .get(0);
                String said = Dom.attribute(error, "errorCode") + " " + Dom.attribute(error, "location");
                replies.put(String.valueOf(about), said);
                Kept.Sent message = about == null ? null : sent.get(about);
                if (message != null && "Error".equals(Dom.attribute(error, "severity"))) {
                    message.why = said;
                    message.state = "FAILED";
                }
            }
            default -> throw new Problem("ValueNotRecognized", "//Header/MessageHeader/Action", "?");
        }
    }

    private void acknowledged(Kept.Sent message, Document envelope) throws Exception {
        if (message == null) {
            throw new Problem("ValueNotRecognized", "//Header/Acknowledgment/RefToMessageId", "?");
        }
        if (message.terms.ackSigned()) {
            try {
                Agreement agreement = agreement(message.header.cpaId());
                Agreement.Terms back = agreement.signal(message.header.to(), "Acknowledgment");
                Signatures.verify(envelope, List.of(), back.signing());
                Element said = Header.extension(envelope, "Acknowledgment");
                if (!Signatures.digests(said).equals(message.digests)) {
                    throw new Problem(
                            "SecurityFailure", "//Header/Acknowledgment/Reference", "other digests");
                }
            } catch (Problem problem) {
                message.why = "acknowledgment: " + problem.getMessage();
                throw problem;
            }
        }
        message.acknowledged++;
        if (message.state.equals("SENDING")) {
            message.state = "DELIVERED";
        }
    }

    // Parts.

    private Transport.Answer answered(Packages.Body answer, String url, boolean sync, String id) {
        if (sync) {
            return new Transport.Answer(200, answer.type(), answer.octets());
        }
        clock.execute(() -> post(url, answer, id));
        return Answers.nothing();
    }

    private Agreement agreement(String id) throws Problem {
        Agreement found = agreements.get(id);
        if (found == null) {
            throw new Problem("ValueNotRecognized", "//Header/MessageHeader/CPAId", "unknown CPA");
        }
        return found;
    }

    private List<Part> encrypted(List<Part> parts, Agreement.Terms terms) throws Exception {
        List<Part> done = new ArrayList<>();
        for (Part part : parts) {
            done.add(
                    terms.encryption() == null
                            ? part
                            : Ciphers.encrypted(part, terms.encryption(), habits.keyTransport()));
        }
        return done;
    }

    private List<Part> plain(List<Part> parts, Agreement.Terms terms) throws Exception {
        List<Part> done = new ArrayList<>();
        for (Part part : parts) {
            done.add(
                    terms.encryption() == null ? part : Ciphers.decrypted(part, me.decrypting()));
        }
        return done;
    }
}
