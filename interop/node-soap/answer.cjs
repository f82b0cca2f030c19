// What a requester of Digikoppeling must check of an answer, with xml-crypto and xmldom, which
// node-soap brings along for its own signatures: node-soap itself checks none of it.
'use strict';

const fs = require('fs');
const { DOMParser } = require('@xmldom/xmldom');
const { SignedXml } = require('xml-crypto');

const DS = 'http://www.w3.org/2000/09/xmldsig#';
const SOAP = 'http://schemas.xmlsoap.org/soap/envelope/';
const WSA = 'http://www.w3.org/2005/08/addressing';
const WSSE11 = 'http://docs.oasis-open.org/wss/oasis-wss-wssecurity-secext-1.1.xsd';
const WSU = 'http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd';
const RSA_SHA2 = /^http:\/\/www\.w3\.org\/2001\/04\/xmldsig-more#rsa-sha(256|384|512)$/;

class BadAnswer extends Error {}

const parse = (xml) => new DOMParser().parseFromString(xml, 'text/xml').documentElement;

/** The one element of a name; `from` is an element, or a list of those that are signed. */
function only(from, namespace, name) {
  const found = Array.isArray(from)
    ? from.filter((part) => part.namespaceURI === namespace && part.localName === name)
    : Array.from(from.getElementsByTagNameNS(namespace, name));
  if (found.length !== 1) throw new BadAnswer(`${found.length} elements ${name} instead of one`);
  return found[0];
}

/** The elements that the gateway's signature covers, each read from its canonical form. */
function signedParts(xml, root, signer) {
  const signature = new SignedXml({
    publicCert: fs.readFileSync(signer, 'utf8'),
    // The pinned certificate, whatever the message brings.
    getCertFromKeyInfo: () => null,
  });
  signature.loadSignature(only(root, DS, 'Signature'));
  let right = false;
  try {
    right = RSA_SHA2.test(signature.signatureAlgorithm) && signature.checkSignature(xml);
  } catch (error) {
    throw new BadAnswer(error.message);
  }
  if (!right) throw new BadAnswer('the signature is not right');
  return signature.getSignedReferences().map(parse);
}

/**
 * Judges an answer by its request, and returns its Body. `signer` is the file of the certificate
 * that must sign it, empty where nothing is signed.
 */
function judge(request, answer, signer) {
  const sent = parse(request);
  const root = parse(answer);
  const parts = signer ? signedParts(answer, root, signer) : root;
  const related = only(parts, WSA, 'RelatesTo').textContent;
  if (related !== only(sent, WSA, 'MessageID').textContent) {
    throw new BadAnswer('it belongs to another request');
  }
  if (signer) {
    ['To', 'Action', 'MessageID'].forEach((name) => only(parts, WSA, name));
    const confirmed = only(parts, WSSE11, 'SignatureConfirmation').getAttribute('Value');
    if (confirmed !== only(sent, DS, 'SignatureValue').textContent) {
      throw new BadAnswer('it confirms another signature');
    }
    const expires = only(only(parts, WSU, 'Timestamp'), WSU, 'Expires').textContent;
    if (!(Date.parse(expires) > Date.now())) throw new BadAnswer('it has expired');
  }
  return only(parts, SOAP, 'Body');
}

module.exports = { BadAnswer, judge };
