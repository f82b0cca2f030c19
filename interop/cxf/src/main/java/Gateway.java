import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.KeyStore;
import java.security.cert.CertificateFactory;
import java.security.cert.X509Certificate;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Pattern;
import javax.net.ssl.KeyManagerFactory;
import javax.net.ssl.TrustManagerFactory;
import javax.security.auth.callback.CallbackHandler;
import javax.xml.namespace.QName;
import org.apache.cxf.configuration.jsse.TLSClientParameters;
import org.apache.cxf.endpoint.Client;
import org.apache.cxf.frontend.ClientProxy;
import org.apache.cxf.jaxws.JaxWsProxyFactoryBean;
import org.apache.cxf.message.Message;
import org.apache.cxf.rt.security.SecurityConstants;
import org.apache.cxf.transport.http.HTTPConduit;
import org.apache.cxf.ws.addressing.WSAddressingFeature;
import org.apache.cxf.ws.security.wss4j.CryptoCoverageChecker.XPathExpression;
import org.apache.cxf.ws.security.wss4j.CryptoCoverageUtil.CoverageType;
import org.apache.cxf.ws.security.wss4j.DefaultCryptoCoverageChecker;
import org.apache.cxf.ws.security.wss4j.WSS4JInInterceptor;
import org.apache.cxf.ws.security.wss4j.WSS4JOutInterceptor;
import org.apache.wss4j.common.WSS4JConstants;
import org.apache.wss4j.common.crypto.CertificateStore;
import org.apache.wss4j.common.crypto.Crypto;
import org.apache.wss4j.common.crypto.Merlin;
import org.apache.wss4j.common.ext.WSPasswordCallback;
import org.apache.wss4j.dom.handler.WSHandlerConstants;
import wus.digipoort.echo._1.EchoService;

/** Makes CXF clients of the services, secured in one of the two ways that CXF offers. */
final class Gateway {
    private static final String WSA = "http://www.w3.org/2005/08/addressing";
    private static final String ALIAS = "vendor-a";
    private static final String PASSWORD = "test";

    /** What signs; NONE is for Digikoppeling's 2W-be, where nothing is signed. */
    enum Algorithm {
        NONE(null, null),
        SHA1(WSS4JConstants.RSA_SHA1, WSS4JConstants.SHA1),
        SHA256(WSS4JConstants.RSA_SHA256, WSS4JConstants.SHA256),
        SHA512(WSS4JConstants.RSA_SHA512, WSS4JConstants.SHA512);

        final String signature;
        final String digest;

        Algorithm(String signature, String digest) {
            this.signature = signature;
            this.digest = digest;
        }
    }

    /** What differs between Digipoort and Digikoppeling's 2W-be-S. */
    private enum Profile { DIGIPOORT, BE_S }

    private final String base;
    private final Path wsdl;
    private final Algorithm algorithm;
    private final boolean policy;
    private final Merlin own = new Merlin();
    private final Crypto trusted;
    private final String signer;
    private final TLSClientParameters tls = new TLSClientParameters();

    Gateway(String base, Path pki, Path wsdl, Algorithm algorithm, boolean policy)
            throws IOException, GeneralSecurityException {
        this.base = base;
        this.wsdl = wsdl;
        this.algorithm = algorithm;
        this.policy = policy;

        KeyStore keys = KeyStore.getInstance("PKCS12");
        try (InputStream file = Files.newInputStream(pki.resolve(ALIAS + ".p12"))) {
            keys.load(file, PASSWORD.toCharArray());
        }
        KeyManagerFactory keyManagers =
                KeyManagerFactory.getInstance(KeyManagerFactory.getDefaultAlgorithm());
        keyManagers.init(keys, PASSWORD.toCharArray());

        X509Certificate[] authorities = certificates(pki.resolve("ca.pem"));
        KeyStore trustStore = KeyStore.getInstance("PKCS12");
        trustStore.load(null, null);
        for (int i = 0; i < authorities.length; i++) {
            trustStore.setCertificateEntry("ca-" + i, authorities[i]);
        }
        TrustManagerFactory trustManagers =
                TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
        trustManagers.init(trustStore);

        tls.setKeyManagers(keyManagers.getKeyManagers());
        tls.setTrustManagers(trustManagers.getTrustManagers());
        own.setKeyStore(keys);
        trusted = new CertificateStore(authorities);
        // Every business has a certificate of the same authorities, so a trusted chain is not
        // enough: the answer must be signed in the gateway's name.
        X509Certificate gateway = certificates(pki.resolve("gateway-signing.pem"))[0];
        signer = Pattern.quote(gateway.getSubjectX500Principal().getName());
    }

    /** Returns a client of a service of Digipoort, by its generated interface. */
    <T> T port(Class<T> type, String service) {
        return port(type, service, Map.of());
    }

    /** Returns a client that sends binary contents as MTOM. */
    <T> T mtomPort(Class<T> type, String service) {
        return port(type, service, Map.of(Message.MTOM_ENABLED, true));
    }

    private <T> T port(Class<T> type, String service, Map<String, Object> properties) {
        String lower = service.toLowerCase();
        JaxWsProxyFactoryBean factory = factory(type, "/wus/2.0/" + lower + "/1.2");
        factory.getProperties().putAll(properties);
        if (policy) {
            QName name = new QName(
                    "http://logius.nl/digipoort/wus/2.0/" + lower + "/1.2/", service + "_V1_2");
            factory.setWsdlURL(wsdl.resolve(service + "_1.2.wsdl").toUri().toString());
            factory.setServiceName(name);
            factory.setEndpointName(name);
            usePolicy(factory);
        } else {
            useInterceptors(factory, Profile.DIGIPOORT);
        }
        return created(factory, type);
    }

    /** Returns a client of Echo: with a signature of 2W-be-S, without of 2W-be. */
    EchoService echo() {
        boolean signs = algorithm != Algorithm.NONE;
        JaxWsProxyFactoryBean factory = factory(
                EchoService.class, "/digikoppeling/2W-be" + (signs ? "-S" : "") + "/echo");
        if (signs) {
            useInterceptors(factory, Profile.BE_S);
        } else {
            factory.getFeatures().add(new WSAddressingFeature());
        }
        return created(factory, EchoService.class);
    }

    private JaxWsProxyFactoryBean factory(Class<?> type, String path) {
        JaxWsProxyFactoryBean factory = new JaxWsProxyFactoryBean();
        factory.setServiceClass(type);
        factory.setAddress(base + path);
        Map<String, Object> properties = new HashMap<>();
        properties.put(SecurityConstants.SUBJECT_CERT_CONSTRAINTS, signer);
        // By default a comma separates constraints, and it stands in every subject.
        properties.put(SecurityConstants.CERT_CONSTRAINTS_SEPARATOR, ";");
        factory.setProperties(properties);
        return factory;
    }

    private <T> T created(JaxWsProxyFactoryBean factory, Class<T> type) {
        T port = type.cast(factory.create());
        Client client = ClientProxy.getClient(port);
        ((HTTPConduit) client.getConduit()).setTlsClientParameters(tls);
        client.getInInterceptors().add(new RelatesToInterceptor());
        client.getInFaultInterceptors().add(new ReceivedFault());
        return port;
    }

    /** The policy of the WSDL says what is signed and how: with SHA-1, as its suite demands. */
    private void usePolicy(JaxWsProxyFactoryBean factory) {
        factory.getProperties().putAll(Map.of(
                SecurityConstants.SIGNATURE_USERNAME, ALIAS,
                SecurityConstants.SIGNATURE_PASSWORD, PASSWORD,
                SecurityConstants.SIGNATURE_CRYPTO, own,
                // Nothing is encrypted: this is where CXF looks for what answers are judged by.
                SecurityConstants.ENCRYPT_CRYPTO, trusted));
    }

    /** The program says what is signed and how. Without a WSDL there is no policy to object. */
    private void useInterceptors(JaxWsProxyFactoryBean factory, Profile profile) {
        boolean confirmed = profile == Profile.BE_S;
        factory.getFeatures().add(new WSAddressingFeature());

        Map<String, Object> out = new HashMap<>();
        out.put(WSHandlerConstants.ACTION, "Timestamp Signature");
        out.put(WSHandlerConstants.SIGNATURE_USER, ALIAS);
        out.put(WSHandlerConstants.PW_CALLBACK_REF,
                (CallbackHandler) callbacks ->
                        ((WSPasswordCallback) callbacks[0]).setPassword(PASSWORD));
        out.put(WSHandlerConstants.SIG_PROP_REF_ID, "own");
        out.put("own", own);
        out.put(WSHandlerConstants.SIG_KEY_ID, "DirectReference");
        out.put(WSHandlerConstants.SIG_ALGO, algorithm.signature);
        out.put(WSHandlerConstants.SIG_DIGEST_ALGO, algorithm.digest);
        // WSS4J keeps what it signed, and wants the answer to confirm it.
        String confirmation = String.valueOf(confirmed);
        out.put(WSHandlerConstants.ENABLE_SIGNATURE_CONFIRMATION, confirmation);
        out.put(WSHandlerConstants.SIGNATURE_PARTS, String.join(";",
                "{Element}{" + WSS4JConstants.URI_SOAP11_ENV + "}Body",
                "{Element}{" + WSS4JConstants.WSU_NS + "}Timestamp",
                "{Element}{" + WSA + "}To",
                "{Element}{" + WSA + "}Action",
                "{Element}{" + WSA + "}MessageID",
                "{Element}{" + WSA + "}ReplyTo"));
        factory.getOutInterceptors().add(new WSS4JOutInterceptor(out));

        factory.getInInterceptors().add(new WSS4JInInterceptor(Map.of(
                WSHandlerConstants.ACTION, "Timestamp Signature",
                WSHandlerConstants.ENABLE_SIGNATURE_CONFIRMATION, confirmation,
                WSHandlerConstants.SIG_VER_PROP_REF_ID, "trusted",
                "trusted", trusted)));
        // A signature may cover anything. The default checker demands Body and Timestamp, but of
        // the wsa headers only ReplyTo and FaultTo, which no answer has.
        DefaultCryptoCoverageChecker coverage = new DefaultCryptoCoverageChecker();
        String header = "/soapenv:Envelope/soapenv:Header/";
        coverage.addPrefixes(Map.of("wsse11", WSS4JConstants.WSSE11_NS));
        coverage.addXPaths(List.of(
                new XPathExpression(header + "wsa:*", CoverageType.SIGNED),
                new XPathExpression(
                        header + "wsse:Security/wsse11:SignatureConfirmation",
                        CoverageType.SIGNED)));
        // Digipoort does not sign faults.
        coverage.setCheckFaults(confirmed);
        factory.getInInterceptors().add(coverage);
    }

    private static X509Certificate[] certificates(Path pem)
            throws IOException, GeneralSecurityException {
        try (InputStream file = Files.newInputStream(pem)) {
            return CertificateFactory.getInstance("X.509").generateCertificates(file)
                    .toArray(X509Certificate[]::new);
        }
    }
}
