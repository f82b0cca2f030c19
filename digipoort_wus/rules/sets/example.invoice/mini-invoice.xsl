<?xml version="1.0" encoding="UTF-8"?>
<!-- Made of mini-invoice.sch, SHA-256 3f593f7ed61d366f974e06ee0c1f1def4753fb3166ec99b108e7605ff92b7a2f, by tools/compile_schematron; parts are of SchXslt 1.10.2 (MIT). -->
<stylesheet xmlns="http://www.w3.org/1999/XSL/Transform"
            xmlns:cac="urn:oasis:names:specification:ubl:schema:xsd:CommonAggregateComponents-2"
            xmlns:cbc="urn:oasis:names:specification:ubl:schema:xsd:CommonBasicComponents-2"
            xmlns:inv="urn:oasis:names:specification:ubl:schema:xsd:Invoice-2"
            xmlns:svrl="http://purl.oclc.org/dsdl/svrl"
            xmlns:xs="http://www.w3.org/2001/XMLSchema"
            version="3.0"
            expand-text="false">
   <variable name="Q{http://dmaus.name/ns/2023/schxslt}phase"
             as="Q{http://www.w3.org/2001/XMLSchema}string"
             select="'#ALL'"/>
   <mode use-accumulators=""/>
   <mode name="Q{http://dmaus.name/ns/2023/schxslt}validate"
         use-accumulators=""
         on-no-match="shallow-skip"/>
   <mode name="group.d6e10"
         on-no-match="shallow-skip"
         streamable="false"
         use-accumulators=""/>
   <template match="* | root()" mode="group.d6e10" priority="-10">
      <apply-templates select="@*" mode="#current"/>
      <apply-templates select="node()" mode="#current"/>
   </template>
   <template match="/inv:Invoice/cac:LegalMonetaryTotal/cbc:LineExtensionAmount"
             mode="group.d6e10"
             priority="7">
      <param name="Q{http://dmaus.name/ns/2023/schxslt}pattern"
             as="Q{http://www.w3.org/2001/XMLSchema}string*"
             select="()"/>
      <variable name="Q{http://dmaus.name/ns/2023/schxslt}rule-context"
                as="node()"
                select="."/>
      <choose>
         <when test="'d6e10' = $Q{http://dmaus.name/ns/2023/schxslt}pattern">
            <svrl:suppressed-rule context="/inv:Invoice/cac:LegalMonetaryTotal/cbc:LineExtensionAmount">
               <if test="(document-uri(.), base-uri(root()))[1]">
                  <attribute name="document" select="(document-uri(.), base-uri(root()))[1]"/>
               </if>
            </svrl:suppressed-rule>
            <next-match/>
         </when>
         <otherwise>
            <svrl:fired-rule context="/inv:Invoice/cac:LegalMonetaryTotal/cbc:LineExtensionAmount">
               <if test="(document-uri(.), base-uri(root()))[1]">
                  <attribute name="document" select="(document-uri(.), base-uri(root()))[1]"/>
               </if>
            </svrl:fired-rule>
            <variable name="Q{http://dmaus.name/ns/2023/schxslt}severity"
                      as="map(Q{http://www.w3.org/2001/XMLSchema}string, Q{http://www.w3.org/2001/XMLSchema}integer)">
               <map>
                  <map-entry key="'d6e14'">
                     <variable name="severity"
                               as="Q{http://www.w3.org/2001/XMLSchema}string"
                               select="'fatal'"/>
                     <sequence select="Q{http://dmaus.name/ns/2023/schxslt}numeric-severity($severity)"/>
                  </map-entry>
               </map>
            </variable>
            <for-each select=".">
               <choose>
                  <when test="Q{http://www.w3.org/2005/xpath-functions/map}get($Q{http://dmaus.name/ns/2023/schxslt}severity, 'd6e14') ge Q{http://dmaus.name/ns/2023/schxslt}numeric-severity('info')">
                     <if test="not(xs:decimal(.) = sum(../../cac:InvoiceLine/cbc:LineExtensionAmount/xs:decimal(.)))">
                        <variable name="failed-assert" as="element(svrl:failed-assert)">
                           <svrl:failed-assert id="INV-01"
                                               role="error"
                                               test="xs:decimal(.) = sum(../../cac:InvoiceLine/cbc:LineExtensionAmount/xs:decimal(.))"
                                               patternId="lines">
                              <where-populated>
                                 <attribute name="location"
                                            select="path($Q{http://dmaus.name/ns/2023/schxslt}rule-context)"/>
                              </where-populated>
                              <svrl:text>The total of the lines is the sum of their amounts.</svrl:text>
                           </svrl:failed-assert>
                        </variable>
                        <sequence select="$failed-assert"/>
                     </if>
                  </when>
                  <otherwise>
                     <svrl:skipped-assert severityThreshold="info"
                                          id="INV-01"
                                          role="error"
                                          test="xs:decimal(.) = sum(../../cac:InvoiceLine/cbc:LineExtensionAmount/xs:decimal(.))"
                                          patternId="lines">
                        <where-populated>
                           <attribute name="location"
                                      select="path($Q{http://dmaus.name/ns/2023/schxslt}rule-context)"/>
                        </where-populated>
                     </svrl:skipped-assert>
                  </otherwise>
               </choose>
            </for-each>
            <next-match>
               <with-param name="Q{http://dmaus.name/ns/2023/schxslt}pattern"
                           as="Q{http://www.w3.org/2001/XMLSchema}string*"
                           select="('d6e10', $Q{http://dmaus.name/ns/2023/schxslt}pattern)"/>
            </next-match>
         </otherwise>
      </choose>
   </template>
   <template match="/inv:Invoice/cac:LegalMonetaryTotal/cbc:TaxExclusiveAmount"
             mode="group.d6e10"
             priority="6">
      <param name="Q{http://dmaus.name/ns/2023/schxslt}pattern"
             as="Q{http://www.w3.org/2001/XMLSchema}string*"
             select="()"/>
      <variable name="Q{http://dmaus.name/ns/2023/schxslt}rule-context"
                as="node()"
                select="."/>
      <choose>
         <when test="'d6e20' = $Q{http://dmaus.name/ns/2023/schxslt}pattern">
            <svrl:suppressed-rule context="/inv:Invoice/cac:LegalMonetaryTotal/cbc:TaxExclusiveAmount">
               <if test="(document-uri(.), base-uri(root()))[1]">
                  <attribute name="document" select="(document-uri(.), base-uri(root()))[1]"/>
               </if>
            </svrl:suppressed-rule>
            <next-match/>
         </when>
         <otherwise>
            <svrl:fired-rule context="/inv:Invoice/cac:LegalMonetaryTotal/cbc:TaxExclusiveAmount">
               <if test="(document-uri(.), base-uri(root()))[1]">
                  <attribute name="document" select="(document-uri(.), base-uri(root()))[1]"/>
               </if>
            </svrl:fired-rule>
            <variable name="Q{http://dmaus.name/ns/2023/schxslt}severity"
                      as="map(Q{http://www.w3.org/2001/XMLSchema}string, Q{http://www.w3.org/2001/XMLSchema}integer)">
               <map>
                  <map-entry key="'d6e24'">
                     <variable name="severity"
                               as="Q{http://www.w3.org/2001/XMLSchema}string"
                               select="'fatal'"/>
                     <sequence select="Q{http://dmaus.name/ns/2023/schxslt}numeric-severity($severity)"/>
                  </map-entry>
               </map>
            </variable>
            <for-each select=".">
               <choose>
                  <when test="Q{http://www.w3.org/2005/xpath-functions/map}get($Q{http://dmaus.name/ns/2023/schxslt}severity, 'd6e24') ge Q{http://dmaus.name/ns/2023/schxslt}numeric-severity('info')">
                     <if test="not(xs:decimal(.) = xs:decimal(../cbc:LineExtensionAmount))">
                        <variable name="failed-assert" as="element(svrl:failed-assert)">
                           <svrl:failed-assert id="INV-02"
                                               role="error"
                                               test="xs:decimal(.) = xs:decimal(../cbc:LineExtensionAmount)"
                                               patternId="exclusive">
                              <where-populated>
                                 <attribute name="location"
                                            select="path($Q{http://dmaus.name/ns/2023/schxslt}rule-context)"/>
                              </where-populated>
                              <svrl:text>The total without VAT is the total of the lines.</svrl:text>
                           </svrl:failed-assert>
                        </variable>
                        <sequence select="$failed-assert"/>
                     </if>
                  </when>
                  <otherwise>
                     <svrl:skipped-assert severityThreshold="info"
                                          id="INV-02"
                                          role="error"
                                          test="xs:decimal(.) = xs:decimal(../cbc:LineExtensionAmount)"
                                          patternId="exclusive">
                        <where-populated>
                           <attribute name="location"
                                      select="path($Q{http://dmaus.name/ns/2023/schxslt}rule-context)"/>
                        </where-populated>
                     </svrl:skipped-assert>
                  </otherwise>
               </choose>
            </for-each>
            <next-match>
               <with-param name="Q{http://dmaus.name/ns/2023/schxslt}pattern"
                           as="Q{http://www.w3.org/2001/XMLSchema}string*"
                           select="('d6e20', $Q{http://dmaus.name/ns/2023/schxslt}pattern)"/>
            </next-match>
         </otherwise>
      </choose>
   </template>
   <template match="/inv:Invoice/cac:LegalMonetaryTotal/cbc:TaxInclusiveAmount"
             mode="group.d6e10"
             priority="5">
      <param name="Q{http://dmaus.name/ns/2023/schxslt}pattern"
             as="Q{http://www.w3.org/2001/XMLSchema}string*"
             select="()"/>
      <variable name="Q{http://dmaus.name/ns/2023/schxslt}rule-context"
                as="node()"
                select="."/>
      <choose>
         <when test="'d6e29' = $Q{http://dmaus.name/ns/2023/schxslt}pattern">
            <svrl:suppressed-rule context="/inv:Invoice/cac:LegalMonetaryTotal/cbc:TaxInclusiveAmount">
               <if test="(document-uri(.), base-uri(root()))[1]">
                  <attribute name="document" select="(document-uri(.), base-uri(root()))[1]"/>
               </if>
            </svrl:suppressed-rule>
            <next-match/>
         </when>
         <otherwise>
            <svrl:fired-rule context="/inv:Invoice/cac:LegalMonetaryTotal/cbc:TaxInclusiveAmount">
               <if test="(document-uri(.), base-uri(root()))[1]">
                  <attribute name="document" select="(document-uri(.), base-uri(root()))[1]"/>
               </if>
            </svrl:fired-rule>
            <variable name="Q{http://dmaus.name/ns/2023/schxslt}severity"
                      as="map(Q{http://www.w3.org/2001/XMLSchema}string, Q{http://www.w3.org/2001/XMLSchema}integer)">
               <map>
                  <map-entry key="'d6e33'">
                     <variable name="severity"
                               as="Q{http://www.w3.org/2001/XMLSchema}string"
                               select="'fatal'"/>
                     <sequence select="Q{http://dmaus.name/ns/2023/schxslt}numeric-severity($severity)"/>
                  </map-entry>
               </map>
            </variable>
            <for-each select=".">
               <choose>
                  <when test="Q{http://www.w3.org/2005/xpath-functions/map}get($Q{http://dmaus.name/ns/2023/schxslt}severity, 'd6e33') ge Q{http://dmaus.name/ns/2023/schxslt}numeric-severity('info')">
                     <if test="not(xs:decimal(.) = xs:decimal(../cbc:TaxExclusiveAmount)               + xs:decimal(../../cac:TaxTotal/cbc:TaxAmount))">
                        <variable name="failed-assert" as="element(svrl:failed-assert)">
                           <svrl:failed-assert id="INV-03"
                                               role="error"
                                               test="xs:decimal(.) = xs:decimal(../cbc:TaxExclusiveAmount)               + xs:decimal(../../cac:TaxTotal/cbc:TaxAmount)"
                                               patternId="inclusive">
                              <where-populated>
                                 <attribute name="location"
                                            select="path($Q{http://dmaus.name/ns/2023/schxslt}rule-context)"/>
                              </where-populated>
                              <svrl:text>The total with VAT is the total without VAT and the VAT.</svrl:text>
                           </svrl:failed-assert>
                        </variable>
                        <sequence select="$failed-assert"/>
                     </if>
                  </when>
                  <otherwise>
                     <svrl:skipped-assert severityThreshold="info"
                                          id="INV-03"
                                          role="error"
                                          test="xs:decimal(.) = xs:decimal(../cbc:TaxExclusiveAmount)               + xs:decimal(../../cac:TaxTotal/cbc:TaxAmount)"
                                          patternId="inclusive">
                        <where-populated>
                           <attribute name="location"
                                      select="path($Q{http://dmaus.name/ns/2023/schxslt}rule-context)"/>
                        </where-populated>
                     </svrl:skipped-assert>
                  </otherwise>
               </choose>
            </for-each>
            <next-match>
               <with-param name="Q{http://dmaus.name/ns/2023/schxslt}pattern"
                           as="Q{http://www.w3.org/2001/XMLSchema}string*"
                           select="('d6e29', $Q{http://dmaus.name/ns/2023/schxslt}pattern)"/>
            </next-match>
         </otherwise>
      </choose>
   </template>
   <template match="/inv:Invoice/cac:LegalMonetaryTotal/cbc:PayableAmount"
             mode="group.d6e10"
             priority="4">
      <param name="Q{http://dmaus.name/ns/2023/schxslt}pattern"
             as="Q{http://www.w3.org/2001/XMLSchema}string*"
             select="()"/>
      <variable name="Q{http://dmaus.name/ns/2023/schxslt}rule-context"
                as="node()"
                select="."/>
      <choose>
         <when test="'d6e38' = $Q{http://dmaus.name/ns/2023/schxslt}pattern">
            <svrl:suppressed-rule context="/inv:Invoice/cac:LegalMonetaryTotal/cbc:PayableAmount">
               <if test="(document-uri(.), base-uri(root()))[1]">
                  <attribute name="document" select="(document-uri(.), base-uri(root()))[1]"/>
               </if>
            </svrl:suppressed-rule>
            <next-match/>
         </when>
         <otherwise>
            <svrl:fired-rule context="/inv:Invoice/cac:LegalMonetaryTotal/cbc:PayableAmount">
               <if test="(document-uri(.), base-uri(root()))[1]">
                  <attribute name="document" select="(document-uri(.), base-uri(root()))[1]"/>
               </if>
            </svrl:fired-rule>
            <variable name="Q{http://dmaus.name/ns/2023/schxslt}severity"
                      as="map(Q{http://www.w3.org/2001/XMLSchema}string, Q{http://www.w3.org/2001/XMLSchema}integer)">
               <map>
                  <map-entry key="'d6e42'">
                     <variable name="severity"
                               as="Q{http://www.w3.org/2001/XMLSchema}string"
                               select="'fatal'"/>
                     <sequence select="Q{http://dmaus.name/ns/2023/schxslt}numeric-severity($severity)"/>
                  </map-entry>
               </map>
            </variable>
            <for-each select=".">
               <choose>
                  <when test="Q{http://www.w3.org/2005/xpath-functions/map}get($Q{http://dmaus.name/ns/2023/schxslt}severity, 'd6e42') ge Q{http://dmaus.name/ns/2023/schxslt}numeric-severity('info')">
                     <if test="not(xs:decimal(.) = xs:decimal(../cbc:TaxInclusiveAmount))">
                        <variable name="failed-assert" as="element(svrl:failed-assert)">
                           <svrl:failed-assert id="INV-04"
                                               role="error"
                                               test="xs:decimal(.) = xs:decimal(../cbc:TaxInclusiveAmount)"
                                               patternId="payable">
                              <where-populated>
                                 <attribute name="location"
                                            select="path($Q{http://dmaus.name/ns/2023/schxslt}rule-context)"/>
                              </where-populated>
                              <svrl:text>The amount to pay is the total with VAT.</svrl:text>
                           </svrl:failed-assert>
                        </variable>
                        <sequence select="$failed-assert"/>
                     </if>
                  </when>
                  <otherwise>
                     <svrl:skipped-assert severityThreshold="info"
                                          id="INV-04"
                                          role="error"
                                          test="xs:decimal(.) = xs:decimal(../cbc:TaxInclusiveAmount)"
                                          patternId="payable">
                        <where-populated>
                           <attribute name="location"
                                      select="path($Q{http://dmaus.name/ns/2023/schxslt}rule-context)"/>
                        </where-populated>
                     </svrl:skipped-assert>
                  </otherwise>
               </choose>
            </for-each>
            <next-match>
               <with-param name="Q{http://dmaus.name/ns/2023/schxslt}pattern"
                           as="Q{http://www.w3.org/2001/XMLSchema}string*"
                           select="('d6e38', $Q{http://dmaus.name/ns/2023/schxslt}pattern)"/>
            </next-match>
         </otherwise>
      </choose>
   </template>
   <template match="/inv:Invoice" mode="group.d6e10" priority="3">
      <param name="Q{http://dmaus.name/ns/2023/schxslt}pattern"
             as="Q{http://www.w3.org/2001/XMLSchema}string*"
             select="()"/>
      <variable name="Q{http://dmaus.name/ns/2023/schxslt}rule-context"
                as="node()"
                select="."/>
      <choose>
         <when test="'d6e47' = $Q{http://dmaus.name/ns/2023/schxslt}pattern">
            <svrl:suppressed-rule context="/inv:Invoice">
               <if test="(document-uri(.), base-uri(root()))[1]">
                  <attribute name="document" select="(document-uri(.), base-uri(root()))[1]"/>
               </if>
            </svrl:suppressed-rule>
            <next-match/>
         </when>
         <otherwise>
            <svrl:fired-rule context="/inv:Invoice">
               <if test="(document-uri(.), base-uri(root()))[1]">
                  <attribute name="document" select="(document-uri(.), base-uri(root()))[1]"/>
               </if>
            </svrl:fired-rule>
            <variable name="Q{http://dmaus.name/ns/2023/schxslt}severity"
                      as="map(Q{http://www.w3.org/2001/XMLSchema}string, Q{http://www.w3.org/2001/XMLSchema}integer)">
               <map>
                  <map-entry key="'d6e51'">
                     <variable name="severity"
                               as="Q{http://www.w3.org/2001/XMLSchema}string"
                               select="'fatal'"/>
                     <sequence select="Q{http://dmaus.name/ns/2023/schxslt}numeric-severity($severity)"/>
                  </map-entry>
               </map>
            </variable>
            <for-each select=".">
               <choose>
                  <when test="Q{http://www.w3.org/2005/xpath-functions/map}get($Q{http://dmaus.name/ns/2023/schxslt}severity, 'd6e51') ge Q{http://dmaus.name/ns/2023/schxslt}numeric-severity('info')">
                     <if test="not(cbc:DueDate or xs:decimal(cac:LegalMonetaryTotal/cbc:PayableAmount) le 0)">
                        <variable name="failed-assert" as="element(svrl:failed-assert)">
                           <svrl:failed-assert id="INV-05"
                                               role="error"
                                               test="cbc:DueDate or xs:decimal(cac:LegalMonetaryTotal/cbc:PayableAmount) le 0"
                                               patternId="due">
                              <where-populated>
                                 <attribute name="location"
                                            select="path($Q{http://dmaus.name/ns/2023/schxslt}rule-context)"/>
                              </where-populated>
                              <svrl:text>When something has to be paid there is a due date.</svrl:text>
                           </svrl:failed-assert>
                        </variable>
                        <sequence select="$failed-assert"/>
                     </if>
                  </when>
                  <otherwise>
                     <svrl:skipped-assert severityThreshold="info"
                                          id="INV-05"
                                          role="error"
                                          test="cbc:DueDate or xs:decimal(cac:LegalMonetaryTotal/cbc:PayableAmount) le 0"
                                          patternId="due">
                        <where-populated>
                           <attribute name="location"
                                      select="path($Q{http://dmaus.name/ns/2023/schxslt}rule-context)"/>
                        </where-populated>
                     </svrl:skipped-assert>
                  </otherwise>
               </choose>
            </for-each>
            <next-match>
               <with-param name="Q{http://dmaus.name/ns/2023/schxslt}pattern"
                           as="Q{http://www.w3.org/2001/XMLSchema}string*"
                           select="('d6e47', $Q{http://dmaus.name/ns/2023/schxslt}pattern)"/>
            </next-match>
         </otherwise>
      </choose>
   </template>
   <template match="/inv:Invoice/cac:AccountingSupplierParty/cac:Party/cac:PartyTaxScheme"
             mode="group.d6e10"
             priority="2">
      <param name="Q{http://dmaus.name/ns/2023/schxslt}pattern"
             as="Q{http://www.w3.org/2001/XMLSchema}string*"
             select="()"/>
      <variable name="Q{http://dmaus.name/ns/2023/schxslt}rule-context"
                as="node()"
                select="."/>
      <choose>
         <when test="'d6e56' = $Q{http://dmaus.name/ns/2023/schxslt}pattern">
            <svrl:suppressed-rule context="/inv:Invoice/cac:AccountingSupplierParty/cac:Party/cac:PartyTaxScheme">
               <if test="(document-uri(.), base-uri(root()))[1]">
                  <attribute name="document" select="(document-uri(.), base-uri(root()))[1]"/>
               </if>
            </svrl:suppressed-rule>
            <next-match/>
         </when>
         <otherwise>
            <svrl:fired-rule context="/inv:Invoice/cac:AccountingSupplierParty/cac:Party/cac:PartyTaxScheme">
               <if test="(document-uri(.), base-uri(root()))[1]">
                  <attribute name="document" select="(document-uri(.), base-uri(root()))[1]"/>
               </if>
            </svrl:fired-rule>
            <variable name="Q{http://dmaus.name/ns/2023/schxslt}severity"
                      as="map(Q{http://www.w3.org/2001/XMLSchema}string, Q{http://www.w3.org/2001/XMLSchema}integer)">
               <map>
                  <map-entry key="'d6e60'">
                     <variable name="severity"
                               as="Q{http://www.w3.org/2001/XMLSchema}string"
                               select="'fatal'"/>
                     <sequence select="Q{http://dmaus.name/ns/2023/schxslt}numeric-severity($severity)"/>
                  </map-entry>
               </map>
            </variable>
            <for-each select=".">
               <choose>
                  <when test="Q{http://www.w3.org/2005/xpath-functions/map}get($Q{http://dmaus.name/ns/2023/schxslt}severity, 'd6e60') ge Q{http://dmaus.name/ns/2023/schxslt}numeric-severity('info')">
                     <if test="not(matches(normalize-space(cbc:CompanyID), '^[A-Z]{2}[0-9A-Z]'))">
                        <variable name="failed-assert" as="element(svrl:failed-assert)">
                           <svrl:failed-assert id="INV-06"
                                               role="error"
                                               test="matches(normalize-space(cbc:CompanyID), '^[A-Z]{{2}}[0-9A-Z]')"
                                               patternId="vat-number">
                              <where-populated>
                                 <attribute name="location"
                                            select="path($Q{http://dmaus.name/ns/2023/schxslt}rule-context)"/>
                              </where-populated>
                              <svrl:text>The VAT number of the supplier begins with the two letters of a country.</svrl:text>
                           </svrl:failed-assert>
                        </variable>
                        <sequence select="$failed-assert"/>
                     </if>
                  </when>
                  <otherwise>
                     <svrl:skipped-assert severityThreshold="info"
                                          id="INV-06"
                                          role="error"
                                          test="matches(normalize-space(cbc:CompanyID), '^[A-Z]{{2}}[0-9A-Z]')"
                                          patternId="vat-number">
                        <where-populated>
                           <attribute name="location"
                                      select="path($Q{http://dmaus.name/ns/2023/schxslt}rule-context)"/>
                        </where-populated>
                     </svrl:skipped-assert>
                  </otherwise>
               </choose>
            </for-each>
            <next-match>
               <with-param name="Q{http://dmaus.name/ns/2023/schxslt}pattern"
                           as="Q{http://www.w3.org/2001/XMLSchema}string*"
                           select="('d6e56', $Q{http://dmaus.name/ns/2023/schxslt}pattern)"/>
            </next-match>
         </otherwise>
      </choose>
   </template>
   <template match="cbc:*[@currencyID]" mode="group.d6e10" priority="1">
      <param name="Q{http://dmaus.name/ns/2023/schxslt}pattern"
             as="Q{http://www.w3.org/2001/XMLSchema}string*"
             select="()"/>
      <variable name="Q{http://dmaus.name/ns/2023/schxslt}rule-context"
                as="node()"
                select="."/>
      <choose>
         <when test="'d6e65' = $Q{http://dmaus.name/ns/2023/schxslt}pattern">
            <svrl:suppressed-rule context="cbc:*[@currencyID]">
               <if test="(document-uri(.), base-uri(root()))[1]">
                  <attribute name="document" select="(document-uri(.), base-uri(root()))[1]"/>
               </if>
            </svrl:suppressed-rule>
            <next-match/>
         </when>
         <otherwise>
            <svrl:fired-rule context="cbc:*[@currencyID]">
               <if test="(document-uri(.), base-uri(root()))[1]">
                  <attribute name="document" select="(document-uri(.), base-uri(root()))[1]"/>
               </if>
            </svrl:fired-rule>
            <variable name="Q{http://dmaus.name/ns/2023/schxslt}severity"
                      as="map(Q{http://www.w3.org/2001/XMLSchema}string, Q{http://www.w3.org/2001/XMLSchema}integer)">
               <map>
                  <map-entry key="'d6e69'">
                     <variable name="severity"
                               as="Q{http://www.w3.org/2001/XMLSchema}string"
                               select="'fatal'"/>
                     <sequence select="Q{http://dmaus.name/ns/2023/schxslt}numeric-severity($severity)"/>
                  </map-entry>
               </map>
            </variable>
            <for-each select=".">
               <choose>
                  <when test="Q{http://www.w3.org/2005/xpath-functions/map}get($Q{http://dmaus.name/ns/2023/schxslt}severity, 'd6e69') ge Q{http://dmaus.name/ns/2023/schxslt}numeric-severity('info')">
                     <if test="not(string-length(substring-after(normalize-space(.), '.')) le 2)">
                        <variable name="failed-assert" as="element(svrl:failed-assert)">
                           <svrl:failed-assert id="INV-07"
                                               role="error"
                                               test="string-length(substring-after(normalize-space(.), '.')) le 2"
                                               patternId="cents">
                              <where-populated>
                                 <attribute name="location"
                                            select="path($Q{http://dmaus.name/ns/2023/schxslt}rule-context)"/>
                              </where-populated>
                              <svrl:text>An amount has at most two decimals.</svrl:text>
                           </svrl:failed-assert>
                        </variable>
                        <sequence select="$failed-assert"/>
                     </if>
                  </when>
                  <otherwise>
                     <svrl:skipped-assert severityThreshold="info"
                                          id="INV-07"
                                          role="error"
                                          test="string-length(substring-after(normalize-space(.), '.')) le 2"
                                          patternId="cents">
                        <where-populated>
                           <attribute name="location"
                                      select="path($Q{http://dmaus.name/ns/2023/schxslt}rule-context)"/>
                        </where-populated>
                     </svrl:skipped-assert>
                  </otherwise>
               </choose>
            </for-each>
            <next-match>
               <with-param name="Q{http://dmaus.name/ns/2023/schxslt}pattern"
                           as="Q{http://www.w3.org/2001/XMLSchema}string*"
                           select="('d6e65', $Q{http://dmaus.name/ns/2023/schxslt}pattern)"/>
            </next-match>
         </otherwise>
      </choose>
   </template>
   <template match="cbc:*[@currencyID]" mode="group.d6e10" priority="0">
      <param name="Q{http://dmaus.name/ns/2023/schxslt}pattern"
             as="Q{http://www.w3.org/2001/XMLSchema}string*"
             select="()"/>
      <variable name="Q{http://dmaus.name/ns/2023/schxslt}rule-context"
                as="node()"
                select="."/>
      <choose>
         <when test="'d6e75' = $Q{http://dmaus.name/ns/2023/schxslt}pattern">
            <svrl:suppressed-rule context="cbc:*[@currencyID]">
               <if test="(document-uri(.), base-uri(root()))[1]">
                  <attribute name="document" select="(document-uri(.), base-uri(root()))[1]"/>
               </if>
            </svrl:suppressed-rule>
            <next-match/>
         </when>
         <otherwise>
            <svrl:fired-rule context="cbc:*[@currencyID]">
               <if test="(document-uri(.), base-uri(root()))[1]">
                  <attribute name="document" select="(document-uri(.), base-uri(root()))[1]"/>
               </if>
            </svrl:fired-rule>
            <variable name="Q{http://dmaus.name/ns/2023/schxslt}severity"
                      as="map(Q{http://www.w3.org/2001/XMLSchema}string, Q{http://www.w3.org/2001/XMLSchema}integer)">
               <map>
                  <map-entry key="'d6e79'">
                     <variable name="severity"
                               as="Q{http://www.w3.org/2001/XMLSchema}string"
                               select="'fatal'"/>
                     <sequence select="Q{http://dmaus.name/ns/2023/schxslt}numeric-severity($severity)"/>
                  </map-entry>
               </map>
            </variable>
            <for-each select=".">
               <choose>
                  <when test="Q{http://www.w3.org/2005/xpath-functions/map}get($Q{http://dmaus.name/ns/2023/schxslt}severity, 'd6e79') ge Q{http://dmaus.name/ns/2023/schxslt}numeric-severity('info')">
                     <if test="not(@currencyID = /inv:Invoice/cbc:DocumentCurrencyCode/normalize-space(.))">
                        <variable name="failed-assert" as="element(svrl:failed-assert)">
                           <svrl:failed-assert id="INV-08"
                                               role="error"
                                               test="@currencyID = /inv:Invoice/cbc:DocumentCurrencyCode/normalize-space(.)"
                                               patternId="currency">
                              <where-populated>
                                 <attribute name="location"
                                            select="path($Q{http://dmaus.name/ns/2023/schxslt}rule-context)"/>
                              </where-populated>
                              <svrl:text>Each amount is in the currency of the invoice.</svrl:text>
                           </svrl:failed-assert>
                        </variable>
                        <sequence select="$failed-assert"/>
                     </if>
                  </when>
                  <otherwise>
                     <svrl:skipped-assert severityThreshold="info"
                                          id="INV-08"
                                          role="error"
                                          test="@currencyID = /inv:Invoice/cbc:DocumentCurrencyCode/normalize-space(.)"
                                          patternId="currency">
                        <where-populated>
                           <attribute name="location"
                                      select="path($Q{http://dmaus.name/ns/2023/schxslt}rule-context)"/>
                        </where-populated>
                     </svrl:skipped-assert>
                  </otherwise>
               </choose>
            </for-each>
            <next-match>
               <with-param name="Q{http://dmaus.name/ns/2023/schxslt}pattern"
                           as="Q{http://www.w3.org/2001/XMLSchema}string*"
                           select="('d6e75', $Q{http://dmaus.name/ns/2023/schxslt}pattern)"/>
            </next-match>
         </otherwise>
      </choose>
   </template>
   <template match="root()" as="element(svrl:schematron-output)">
      <svrl:schematron-output phase="#ALL">
         <svrl:ns-prefix-in-attribute-values prefix="xs" uri="http://www.w3.org/2001/XMLSchema"/>
         <svrl:ns-prefix-in-attribute-values prefix="inv"
                                             uri="urn:oasis:names:specification:ubl:schema:xsd:Invoice-2"/>
         <svrl:ns-prefix-in-attribute-values prefix="cac"
                                             uri="urn:oasis:names:specification:ubl:schema:xsd:CommonAggregateComponents-2"/>
         <svrl:ns-prefix-in-attribute-values prefix="cbc"
                                             uri="urn:oasis:names:specification:ubl:schema:xsd:CommonBasicComponents-2"/>
         <!--SchXslt2 1.10.2-->
         <try>
            <apply-templates select="." mode="Q{http://dmaus.name/ns/2023/schxslt}validate"/>
            <catch>
               <svrl:error code="{$Q{http://www.w3.org/2005/xqt-errors}code}">
                  <if test="(document-uri(.), base-uri(root()))[1]">
                     <attribute name="document" select="(document-uri(.), base-uri(root()))[1]"/>
                  </if>
                  <if test="$Q{http://www.w3.org/2005/xqt-errors}line-number">
                     <attribute name="line-number"
                                select="$Q{http://www.w3.org/2005/xqt-errors}line-number"/>
                  </if>
                  <if test="$Q{http://www.w3.org/2005/xqt-errors}column-number">
                     <attribute name="column-number"
                                select="$Q{http://www.w3.org/2005/xqt-errors}column-number"/>
                  </if>
                  <if test="$Q{http://www.w3.org/2005/xqt-errors}description">
                     <value-of select="$Q{http://www.w3.org/2005/xqt-errors}description"/>
                  </if>
               </svrl:error>
               <variable name="message"
                         as="Q{http://www.w3.org/2001/XMLSchema}string+"
                         expand-text="yes">
                  Running the ISO Schematron validation failed with a dynamic error.
                  Error code: {$Q{http://www.w3.org/2005/xqt-errors}code} Reason: {$Q{http://www.w3.org/2005/xqt-errors}description}
                </variable>
               <message terminate="yes"
                        error-code="Q{{http://dmaus.name/ns/2023/schxslt}}ValidationError">
                  <text/>
                  <value-of select="normalize-space(string-join($message))"/>
               </message>
            </catch>
         </try>
      </svrl:schematron-output>
   </template>
   <template match="root()"
             as="element()*"
             mode="Q{http://dmaus.name/ns/2023/schxslt}validate">
      <svrl:active-pattern id="lines"/>
      <svrl:active-pattern id="exclusive"/>
      <svrl:active-pattern id="inclusive"/>
      <svrl:active-pattern id="payable"/>
      <svrl:active-pattern id="due"/>
      <svrl:active-pattern id="vat-number"/>
      <svrl:active-pattern id="cents"/>
      <svrl:active-pattern id="currency"/>
      <apply-templates select="root()" mode="group.d6e10"/>
   </template>
   <function name="Q{http://dmaus.name/ns/2023/schxslt}numeric-severity"
             as="Q{http://www.w3.org/2001/XMLSchema}integer">
      <param name="severity" as="Q{http://www.w3.org/2001/XMLSchema}string"/>
      <sequence select="(index-of(('info', 'warning', 'error', 'fatal'), $severity), 4)[1]"/>
   </function>
</stylesheet>
