import org.apache.cxf.interceptor.Fault;
import org.apache.cxf.message.Message;
import org.apache.cxf.phase.AbstractPhaseInterceptor;
import org.apache.cxf.phase.Phase;

/**
 * Remembers that a fault came which passed every check. What CXF finds wrong with an answer is
 * thrown as the same SOAPFaultException, but never comes here.
 */
final class ReceivedFault extends AbstractPhaseInterceptor<Message> {
    private static volatile boolean received;

    ReceivedFault() {
        super(Phase.UNMARSHAL);
    }

    /** Returns whether one came since the program started. */
    static boolean came() {
        return received;
    }

    @Override
    public void handleMessage(Message message) throws Fault {
        received = true;
    }
}
