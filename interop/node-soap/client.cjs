// node-soap against the gateway: client.cjs URL PKI ALG ACTION [KENMERK].
// node-soap does not look at the signature of an answer, so it never exits with 3.
'use strict';

const crypto = require('crypto');
const fs = require('fs');
const path = require('path');
const soap = require('soap');

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
};
// What node-soap must be told: no enveloped-signature, and wsu:Id where it would write Id.
const DIGIPOORT = {
  signatureTransformations: [EXC_C14N],
  signerOptions: { idMode: 'wssecurity' },
};
const WSDL_FOLDER = path.join(__dirname, '..', '..', 'wsdl');
const FAULT = 4;

const [url, pki, algorithm, action, kenmerk] = process.argv.slice(2);

/** WS-Security for the message and mutual TLS below it: node-soap has room for one object. */
function security(options) {
  const key = path.join(pki, 'vendor-a.key');
  const chain = path.join(pki, 'vendor-a.pem');
  // The token is one certificate; the file has the issuers behind it.
  const [leaf] = fs.readFileSync(chain, 'utf8').split(/(?<=-----END CERTIFICATE-----)/);
  const signing = new soap.WSSecurityCert(fs.readFileSync(key, 'utf8'), leaf, '', {
    ...ALGORITHMS[algorithm],
    ...options,
    additionalReferences: ['wsa:To', 'wsa:Action', 'wsa:MessageID', 'wsa:ReplyTo'],
  });
  const tls = new soap.ClientSSLSecurity(key, chain, fs.readFileSync(path.join(pki, 'ca.pem')));
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

async function call(service, operation, request, options = DIGIPOORT) {
  const wsdl = path.join(WSDL_FOLDER, `${service}_1.2.wsdl`);
  const endpoint = `${url}/wus/2.0/${service.toLowerCase()}/1.2`;
  const client = await soap.createClientAsync(wsdl, {}, endpoint);
  client.setSecurity(security(options));
  client.addSoapHeader(addressing);
  const [answer] = await client[`${operation}Async`](request);
  return answer;
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
  const answer = await call('StatusinformatieService', operation, { kenmerk });
  return (answer[`${operation}Return`].StatusResultaat ?? []).map((status) => status.statuscode);
}

async function list() {
  // Without any of its optional elements the request must still be there: null would leave it out.
  const answer = await call('OphaalService', 'getBerichtenLijst', {});
  const found = answer.getBerichtenLijstReturn?.BerichtLijstResultaat ?? [];
  return found.map((message) => message.kenmerk);
}

async function byKenmerk() {
  const answer = await call('OphaalService', 'getBerichtenKenmerk', { kenmerk });
  return (answer.getBerichtenKenmerkReturn.BerichtResultaat ?? []).map(({ berichtInhoud }) => {
    const octets = Buffer.from(berichtInhoud.inhoud, 'base64');
    return `${berichtInhoud.bestandsnaam} ${octets.length}`;
  });
}

const ACTIONS = {
  file: () => file(),
  // As node-soap is by default: it adds the transform enveloped-signature to every Reference.
  'file-default': () => file({}),
  statuses: () => statuses('getStatussenProces'),
  'new-statuses': () => statuses('getNieuweStatussenProces'),
  list,
  'by-kenmerk': byKenmerk,
};

ACTIONS[action]().then(
  (lines) => lines.forEach((line) => console.log(line)),
  (error) => {
    const fault = error.root?.Envelope?.Body?.Fault;
    const [detail] = Object.values(fault?.detail ?? {});
    console.error(fault ? (detail?.foutbeschrijving ?? fault.faultstring) : error);
    process.exitCode = fault ? FAULT : 1;
  },
);
