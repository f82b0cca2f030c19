import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.util.ArrayList;
import java.util.List;
import javax.xml.parsers.DocumentBuilderFactory;
import javax.xml.transform.OutputKeys;
import javax.xml.transform.TransformerFactory;
import javax.xml.transform.dom.DOMSource;
import javax.xml.transform.stream.StreamResult;
import org.w3c.dom.Document;
import org.w3c.dom.Element;
import org.w3c.dom.Node;

/** Reading and writing XML. */
final class Dom {
    private Dom() {}

    static Document parsed(byte[] octets) throws Exception {
        DocumentBuilderFactory factory = DocumentBuilderFactory.newInstance();
        factory.setNamespaceAware(true);
        factory.setFeature("http://apache.org/xml/features/disallow-doctype-decl", true);
        return factory.newDocumentBuilder().parse(new ByteArrayInputStream(octets));
    }

    static byte[] written(Node node) throws Exception {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        var transformer = TransformerFactory.newInstance().newTransformer();
        transformer.setOutputProperty(OutputKeys.ENCODING, "UTF-8");
        if (!(node instanceof Document)) {
            transformer.setOutputProperty(OutputKeys.OMIT_XML_DECLARATION, "yes");
        }
        transformer.transform(new DOMSource(node), new StreamResult(out));
        return out.toByteArray();
    }

    static List<Element> children(Element parent, String namespace, String name) {
        List<Element> found = new ArrayList<>();
        for (Node n = parent.getFirstChild(); n != null; n = n.getNextSibling()) {
            if (n instanceof Element e
                    && name.equals(e.getLocalName())
                    && namespace.equals(e.getNamespaceURI())) {
                found.add(e);
            }
        }
        return found;
    }

    /** The only such child, or null. */
    static Element child(Element parent, String namespace, String name) throws Problem {
        if (parent == null) {
            return null;
        }
        List<Element> found = children(parent, namespace, name);
        if (found.size() > 1) {
            throw new Problem("Inconsistent", "//" + name, "more than one " + name);
        }
        return found.isEmpty() ? null : found.get(0);
    }

    /** What stands at the end of a path of children, or null. */
    static Element at(Element parent, String namespace, String... names) throws Problem {
        Element here = parent;
        for (String name : names) {
            here = child(here, namespace, name);
        }
        return here;
    }

    static String text(Element element) {
        return element == null ? null : element.getTextContent().strip();
    }

    /** An attribute, with the namespace of its element or with none; null where it is absent. */
    static String attribute(Element element, String name) {
        String namespace = element.getNamespaceURI();
        if (element.hasAttributeNS(namespace, name)) {
            return element.getAttributeNS(namespace, name);
        }
        return element.hasAttribute(name) ? element.getAttribute(name) : null;
    }
}
