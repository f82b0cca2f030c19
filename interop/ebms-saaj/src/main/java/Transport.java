import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpsConfigurator;
import com.sun.net.httpserver.HttpsParameters;
import com.sun.net.httpserver.HttpsServer;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyStore;
import java.security.PrivateKey;
import java.security.cert.CertificateFactory;
import java.security.cert.X509Certificate;
import java.time.Duration;
import java.util.Map;
import java.util.concurrent.Executors;
import java.util.concurrent.atomic.AtomicInteger;
import javax.net.ssl.KeyManagerFactory;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLParameters;
import javax.net.ssl.TrustManagerFactory;

/** HTTPS both ways, with a client certificate; what passes is kept where that is asked. */
final class Transport {
    private static final char[] PASSWORD = "test".toCharArray();

    /** What came, or what goes back; no type means an empty body. */
    record Answer(int status, String type, byte[] octets) {}

    /** Takes a request. Null: the connection is cut. */
    interface Receiver {
        Answer receive(String type, String soapAction, byte[] octets);
    }

    private final SSLContext context;
    private final HttpClient client;
    private final Path trace;
    private final AtomicInteger exchanges = new AtomicInteger();

    Transport(Path pki, String identity, Path trace) throws Exception {
        this.trace = trace;
        KeyManagerFactory keys = KeyManagerFactory.getInstance("PKIX");
        keys.init(store(pki, identity), PASSWORD);
        KeyStore trusted = KeyStore.getInstance("PKCS12");
        trusted.load(null, null);
        try (InputStream anchors = Files.newInputStream(pki.resolve("ca.pem"))) {
            for (var certificate :
                    CertificateFactory.getInstance("X.509").generateCertificates(anchors)) {
                X509Certificate ca = (X509Certificate) certificate;
                if (ca.getSubjectX500Principal().equals(ca.getIssuerX500Principal())) {
                    trusted.setCertificateEntry("ca" + trusted.size(), ca);
                }
            }
        }
        TrustManagerFactory trust = TrustManagerFactory.getInstance("PKIX");
        trust.init(trusted);
        context = SSLContext.getInstance("TLS");
        context.init(keys.getKeyManagers(), trust.getTrustManagers(), null);
        client =
                HttpClient.newBuilder()
                        .sslContext(context)
                        .version(HttpClient.Version.HTTP_1_1)
                        .connectTimeout(Duration.ofSeconds(10))
                        .build();
    }

    static PrivateKey key(Path pki, String identity) throws Exception {
        KeyStore store = store(pki, identity);
        return (PrivateKey) store.getKey(store.aliases().nextElement(), PASSWORD);
    }

    private static KeyStore store(Path pki, String identity) throws Exception {
        KeyStore store = KeyStore.getInstance("PKCS12");
        try (InputStream in = Files.newInputStream(pki.resolve(identity + ".p12"))) {
            store.load(in, PASSWORD);
        }
        return store;
    }

    /** Listens on loopback, and returns the port. */
    int serve(int port, Receiver receiver) throws IOException {
        HttpsServer server =
                HttpsServer.create(
                        new InetSocketAddress(InetAddress.getLoopbackAddress(), port), 50);
        server.setHttpsConfigurator(
                new HttpsConfigurator(context) {
                    @Override
                    public void configure(HttpsParameters parameters) {
                        SSLParameters wanted = context.getDefaultSSLParameters();
                        wanted.setNeedClientAuth(true);
                        parameters.setSSLParameters(wanted);
                    }
                });
        server.setExecutor(
                Executors.newFixedThreadPool(
                        8,
                        task -> {
                            Thread thread = new Thread(task);
                            thread.setDaemon(true);
                            return thread;
                        }));
        server.createContext("/ebms", exchange -> exchanged(exchange, receiver));
        server.start();
        return server.getAddress().getPort();
    }

    private void exchanged(HttpExchange exchange, Receiver receiver) throws IOException {
        try (exchange) {
            byte[] octets = exchange.getRequestBody().readAllBytes();
            var headers = exchange.getRequestHeaders();
            int number = exchanges.incrementAndGet();
            keep(number, "received-request", headers.entrySet(), octets);
            String type = headers.getFirst("Content-Type");
            Answer answer = receiver.receive(type, headers.getFirst("SOAPAction"), octets);
            if (answer == null) {
                return;
            }
            if (answer.type() != null) {
                exchange.getResponseHeaders().set("Content-Type", answer.type());
                exchange.getResponseHeaders().set("SOAPAction", Names.SOAP_ACTION);
            }
            byte[] body = answer.octets();
            exchange.sendResponseHeaders(answer.status(), body.length == 0 ? -1 : body.length);
            exchange.getResponseBody().write(body);
            keep(number, "sent-answer", exchange.getResponseHeaders().entrySet(), body);
        }
    }

    Answer post(String url, Packages.Body body) throws Exception {
        int number = exchanges.incrementAndGet();
        HttpRequest request =
                HttpRequest.newBuilder(URI.create(url))
                        .timeout(Duration.ofSeconds(30))
                        .header("Content-Type", body.type())
                        .header("SOAPAction", Names.SOAP_ACTION)
                        .POST(HttpRequest.BodyPublishers.ofByteArray(body.octets()))
                        .build();
        keep(number, "sent-request", request.headers().map().entrySet(), body.octets());
        HttpResponse<byte[]> answer = client.send(request, HttpResponse.BodyHandlers.ofByteArray());
        keep(number, "received-answer", answer.headers().map().entrySet(), answer.body());
        return new Answer(
                answer.statusCode(),
                answer.headers().firstValue("Content-Type").orElse(null),
                answer.body());
    }

    private void keep(
            int number,
            String what,
            Iterable<? extends Map.Entry<String, java.util.List<String>>> headers,
            byte[] body)
            throws IOException {
        if (trace == null) {
            return;
        }
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        for (var header : headers) {
            for (String value : header.getValue()) {
                out.write(
                        (header.getKey() + ": " + value + "\r\n").getBytes(StandardCharsets.UTF_8));
            }
        }
        out.write("\r\n".getBytes(StandardCharsets.UTF_8));
        out.write(body);
        Files.write(trace.resolve(String.format("%04d-%s", number, what)), out.toByteArray());
    }
}
