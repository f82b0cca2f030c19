import java.util.List;
import java.util.Objects;
import javax.xml.namespace.QName;
import org.apache.cxf.binding.soap.SoapHeader;
import org.apache.cxf.binding.soap.SoapMessage;
import org.apache.cxf.binding.soap.interceptor.AbstractSoapInterceptor;
import org.apache.cxf.headers.Header;
import org.apache.cxf.interceptor.Fault;
import org.apache.cxf.phase.Phase;
import org.apache.cxf.ws.addressing.AddressingProperties;
import org.apache.cxf.ws.addressing.ContextUtils;
import org.apache.cxf.ws.addressing.Names;
import org.apache.cxf.ws.addressing.soap.MAPCodec;
import org.w3c.dom.Element;

/**
 * Refuses an answer to another request, and one that names no request. CXF drops the former and
 * then only complains of an answer without data; the latter it takes.
 */
final class RelatesToInterceptor extends AbstractSoapInterceptor {

    /** The answer belongs to another request. */
    static final class Unrelated extends RuntimeException {
        Unrelated(String reason) {
            super(reason);
        }
    }

    RelatesToInterceptor() {
        super(Phase.PRE_PROTOCOL);
        addBefore(MAPCodec.class.getName());
    }

    @Override
    public void handleMessage(SoapMessage message) {
        AddressingProperties sent = ContextUtils.retrieveMAPs(
                message.getExchange().getOutMessage(), false, true, false);
        List<String> related = message.getHeaders().stream()
                .filter(header -> header.getName().equals(Names.WSA_RELATESTO_QNAME))
                .map(header -> ((Element) header.getObject()).getTextContent().strip())
                .toList();
        String expected = sent.getMessageID().getValue();
        if (!related.equals(List.of(expected))) {
            throw new Fault(new Unrelated("wsa:RelatesTo is " + related + ", not " + expected));
        }
    }
}
