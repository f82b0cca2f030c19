/** Names that the standards fix. */
final class Names {
    static final String SOAP = "http://schemas.xmlsoap.org/soap/envelope/";
    static final String EB =
            "http://www.oasis-open.org/committees/ebxml-msg/schema/msg-header-2_0.xsd";
    static final String CPA =
            "http://www.oasis-open.org/committees/ebxml-cppa/schema/cpp-cpa-2_0.xsd";
    static final String XLINK = "http://www.w3.org/1999/xlink";
    static final String DS = "http://www.w3.org/2000/09/xmldsig#";
    static final String XMLENC = "http://www.w3.org/2001/04/xmlenc#";
    static final String C14N = "http://www.w3.org/TR/2001/REC-xml-c14n-20010315";
    static final String ACTOR_NEXT = "http://schemas.xmlsoap.org/soap/actor/next";
    static final String ACTOR_NEXT_MSH = "urn:oasis:names:tc:ebxml-msg:actor:nextMSH";
    static final String ACTOR_TO_PARTY = "urn:oasis:names:tc:ebxml-msg:actor:toPartyMSH";
    static final String SIGNALS = "urn:oasis:names:tc:ebxml-msg:service";
    static final String SOAP_ACTION = "\"ebXML\"";

    private Names() {}
}
