// node-soap against the gateway: client.cjs URL PKI ALG ACTION [KENMERK|TEXT].
// node-soap does not look at the signature of an answer, nor at RelatesTo. For Digikoppeling
// answer.cjs does; of Digipoort's answers nothing is verified, so there it never exits with 3.
'use strict';

const crypto = require('crypto');
const fs = require('fs');
const path = require('path');
const soap = require('soap');
const { BadAnswer, judge } = require('./answer.cjs');

const WSA = 'http://www.w3.org/2005/08/addressing';
const EXC_C14N = 'http://www.w3.org/2001/10/xml-exc-c14n#';
const ALGORITHMS = {
  sha1: {
    signatureAlgorithm: 'http://www.w3.org/2000/09/xmldsig#rsa-sha1',
    digestAlgorithm: 'http://www.w3.org/2000/09/xmldsig#sha1',
  },
  sha256: {
    signatureAlgorithm: 'http://www.w3.org/2001/04/xmldsig-more#rsa-sha256',
    digestAlgorithm: 'http://www.w3.org/2001/04/xmlenc#sha256',
  },
  sha512: {
    signatureAlgorithm: 'http://www.w3.org/2001/04/xmldsig-more#rsa-sha512',
    digestAlgorithm: 'http://www.w3.org/2001/04/xmlenc#sha512',
  },
};
// What node-soap must be told: no enveloped-signature, and wsu:Id where it would write Id.
const DIGIPOORT = {
  signatureTransformations: [EXC_C14N],
  signerOptions: { idMode: 'wssecurity' },
};
const XOP = 'http://www.w3.org/2004/08/xop/include';
const WSDL_FOLDER = path.join(__dirname, '..', '..', 'wsdl');
const BAD_ANSWER = 3;
const FAULT = 4;

const [url, pki, algorithm, action, about] = process.argv.slice(2);
const key = path.join(pki, 'vendor-a.key');
const chain = path.join(pki, 'vendor-a.pem');
const mutualTls = () =>
  new soap.ClientSSLSecurity(key, chain, fs.readFileSync(path.join(pki, 'ca.pem')));

/** WS-Security for the message and mutual TLS below it: node-soap has room for one object. */
function security(options) {
  // The token is one certificate; the file has the issuers behind it.
  const [leaf] = fs.readFileSync(chain, 'utf8').split(/(?<=-----END CERTIFICATE-----)/);
  const signing = new soap.WSSecurityCert(fs.readFileSync(key, 'utf8'), leaf, '', {
    ...ALGORITHMS[algorithm],
    ...options,
    additionalReferences: ['wsa:To', 'wsa:Action', 'wsa:MessageID', 'wsa:ReplyTo'],
  });
  const tls = mutualTls();
  signing.addOptions = (options) => tls.addOptions(options);
  return signing;
}

/** The wsa headers of one request; node-soap has nothing of its own for them. */
function addressing(_method, location, soapAction) {
  // node-soap hands over the action with the quotes that go into the HTTP header.
  const uri = soapAction.replaceAll('"', '');
  const header = (name, value) => `<wsa:${name} xmlns:wsa="${WSA}">${value}</wsa:${name}>`;
  return [
    header('Action', uri),
    header('MessageID', `urn:uuid:${crypto.randomUUID()}`),
    header('ReplyTo', `<wsa:Address>${WSA}/anonymous</wsa:Address>`),
    header('To', location),
  ].join('');
}

/**
 * Has every inhoud leave as an attachment. node-soap makes the package, but puts no xop:Include
 * into a message; and what is signed is the message without any, so this comes after signing.
 */
function optimise(signing, attachments) {
  const sign = signing.postProcess.bind(signing);
  signing.postProcess = (xml, envelopeKey) =>
    sign(xml, envelopeKey).replace(/(<([\w-]+:)?inhoud>)([^<]+)</g, (_all, start, _prefix, base64) => {
      const contentId = `${crypto.randomUUID()}@interop`;
      const body = Buffer.from(base64, 'base64');
      attachments.push({ mimetype: 'application/octet-stream', contentId, name: 'inhoud', body });
      return `${start}<xop:Include xmlns:xop="${XOP}" href="cid:${contentId}"/><`;
    });
}

async function call(service, operation, request, { options = DIGIPOORT, mtom = false } = {}) {
  const wsdl = path.join(WSDL_FOLDER, `${service}_1.2.wsdl`);
  const endpoint = `${url}/wus/2.0/${service.toLowerCase()}/1.2`;
  const client = await soap.createClientAsync(wsdl, {}, endpoint);
  const signing = security(options);
  const attachments = [];
  if (mtom) optimise(signing, attachments);
  client.setSecurity(signing);
  client.addSoapHeader(addressing);
  const [answer] = await client[`${operation}Async`](request, { attachments });
  return answer;
}

/** Sends a text, and its octets as data; gives both as they came back. */
async function echo() {
  const signs = algorithm !== 'none';
  const endpoint = `${url}/digikoppeling/2W-be${signs ? '-S' : ''}/echo`;
  const wsdl = path.join(WSDL_FOLDER, 'EchoService_1.wsdl');
  const client = await soap.createClientAsync(wsdl, {}, endpoint);
  client.setSecurity(signs ? security(DIGIPOORT) : mutualTls());
  client.addSoapHeader(addressing);
  const request = { text: about, data: Buffer.from(about).toString('base64') };
  const judged = () =>
    judge(client.lastRequest, client.lastResponse, signs ? path.join(pki, 'gateway-signing.pem') : '');
  try {
    const [answer] = await client.echoAsync(request);
    const body = judged();
    // What node-soap read and what was signed could be two things.
    if (body.textContent !== answer.text + answer.data) throw new BadAnswer('read something else');
    return [answer.text, Buffer.from(answer.data, 'base64').toString()];
  } catch (error) {
    if (error.root) judged();
    throw error;
  }
}

async function file(options) {
  const content = fs.readFileSync(path.join(__dirname, '..', 'filing.xbrl'));
  const answer = await call(
    'AanleverService',
    'aanleveren',
    {
      berichtsoort: 'Omzetbelasting',
      aanleverkenmerk: 'interop-node-soap',
      identiteitBelanghebbende: { nummer: '001000044B37', type: 'Fi' },
      rolBelanghebbende: 'Bedrijf',
      berichtInhoud: {
        mimeType: 'application/xml',
        bestandsnaam: 'Omzetbelasting.xbrl',
        inhoud: content.toString('base64'),
      },
      autorisatieAdres: 'http://geenausp.nl',
    },
    options,
  );
  return [answer.kenmerk];
}

async function statuses(operation) {
  const answer = await call('StatusinformatieService', operation, { kenmerk: about });
  return (answer[`${operation}Return`].StatusResultaat ?? []).map((status) => status.statuscode);
}

async function list() {
  // Without any of its optional elements the request must still be there: null would leave it out.
  const answer = await call('OphaalService', 'getBerichtenLijst', {});
  const found = answer.getBerichtenLijstReturn?.BerichtLijstResultaat ?? [];
  return found.map((message) => message.kenmerk);
}

async function byKenmerk() {
  const answer = await call('OphaalService', 'getBerichtenKenmerk', { kenmerk: about });
  return (answer.getBerichtenKenmerkReturn.BerichtResultaat ?? []).map(({ berichtInhoud }) => {
    const octets = Buffer.from(berichtInhoud.inhoud, 'base64');
    return `${berichtInhoud.bestandsnaam} ${octets.length}`;
  });
}

const ACTIONS = {
  file: () => file(),
  // As node-soap is by default: it adds the transform enveloped-signature to every Reference.
  'file-default': () => file({ options: {} }),
  'file-mtom': () => file({ mtom: true }),
  statuses: () => statuses('getStatussenProces'),
  'new-statuses': () => statuses('getNieuweStatussenProces'),
  list,
  'by-kenmerk': byKenmerk,
  echo,
};

ACTIONS[action]().then(
  (lines) => lines.forEach((line) => console.log(line)),
  (error) => {
    const fault = error.root?.Envelope?.Body?.Fault;
    if (fault) console.error(`fault: ${told(fault)}`);
    else console.error(error instanceof BadAnswer ? `bad answer: ${error.message}` : error);
    process.exitCode = fault ? FAULT : error instanceof BadAnswer ? BAD_ANSWER : 1;
  },
);

/** What a fault says: Digipoort's text stands in the detail, Digikoppeling's in faultstring. */
function told(fault) {
  const [detail] = Object.values(fault.detail ?? {});
  // With its xml:lang the text is an object to node-soap.
  const text = detail?.foutbeschrijving ?? fault.faultstring.$value ?? fault.faultstring;
  return `${fault.faultcode}: ${text}`;
}
