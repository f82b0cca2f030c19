/* gSOAP with its wsse and wsa plug-ins against the gateway:
 *
 *     client FILING URL PKI ALG ACTION [KENMERK|TEXT]
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>

#include "soapH.h"
#include "digipoort.nsmap"
#include "wsaapi.h"
#include "wsseapi.h"

#define WSA "http://www.w3.org/2005/08/addressing"
#define WSU "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd"
#define TNS(service) "http://logius.nl/digipoort/wus/2.0/" service "/1.2/"
#define AANLEVER TNS("aanleverservice") "AanleverService/"
#define STATUS TNS("statusinformatieservice") "StatusinformatieService/"
#define OPHAAL TNS("ophaalservice") "OphaalService/"
#define WUS(service) "/wus/2.0/" service "/1.2"
/* gSOAP takes the namespace of WS-Security 1.1 for that of 1.0, in the DOM as well. */
#define WSSE "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd"

/* Exit statuses of the interop contract. */
enum { DONE = 0, BROKEN = 1, BAD_ANSWER = 3, FAULT = 4 };

static const struct {
  const char *name;
  int sign, verify;
} ALGORITHMS[] = {
    {"none", SOAP_SMD_NONE, SOAP_SMD_NONE}, /* Digikoppeling's 2W-be: nothing is signed */
    {"sha1", SOAP_SMD_SIGN_RSA_SHA1, SOAP_SMD_VRFY_RSA_SHA1},
    {"sha256", SOAP_SMD_SIGN_RSA_SHA256, SOAP_SMD_VRFY_RSA_SHA256},
    {"sha512", SOAP_SMD_SIGN_RSA_SHA512, SOAP_SMD_VRFY_RSA_SHA512},
};

struct client {
  struct soap *soap;
  const char *filing, *url, *pki, *about; /* about: a kenmerk or a text */
  int algorithm; /* index in ALGORITHMS, 0 for no signature */
  int confirms; /* whether answers confirm the signature of their request, and faults are signed */
  const struct ds__SignatureType *sent;
  EVP_PKEY *key;
  X509 *certificate;
  const char *message_id;
  char endpoint[512];
};

static void die(int status, const char *what)
{
  fprintf(stderr, "%s\n", what);
  exit(status);
}

static char *in_pki(const struct client *client, const char *name)
{
  char *path = (char *)soap_malloc(client->soap, strlen(client->pki) + strlen(name) + 2);
  return strcat(strcat(strcpy(path, client->pki), "/"), name);
}

static void load_identity(struct client *client)
{
  char *certificates = in_pki(client, "vendor-a.pem"), *key = in_pki(client, "vendor-a.key");
  FILE *file = fopen(key, "r");
  client->key = file ? PEM_read_PrivateKey(file, NULL, NULL, NULL) : NULL;
  if (file)
    fclose(file);
  file = fopen(certificates, "r");
  client->certificate = file ? PEM_read_X509(file, NULL, NULL, NULL) : NULL; /* leaf first */
  if (file)
    fclose(file);
  if (!client->key || !client->certificate)
    die(BROKEN, "cannot read vendor-a.pem and vendor-a.key");

  /* gSOAP wants certificate and key in one file; its context takes two just as well. */
  struct soap *soap = client->soap;
  soap->cafile = in_pki(client, "ca.pem"); /* of TLS, and of wsse */
  if (soap_ssl_client_context(soap,
          SOAP_SSL_REQUIRE_SERVER_AUTHENTICATION | SOAP_TLSv1_2 | SOAP_TLSv1_3,
          NULL, NULL, soap->cafile, NULL, NULL)
      || SSL_CTX_use_certificate_chain_file(soap->ctx, certificates) != 1
      || SSL_CTX_use_PrivateKey(soap->ctx, client->key) != 1)
    die(BROKEN, "cannot set up TLS");
}

/* What the wsse plug-in found when the whole answer had been read; a fault that the gateway sent
 * and one that the plug-in makes of a bad signature look alike. */
static int verdict = SOAP_FAULT;
static int (*plugin_verdict)(struct soap *);

static int keep_verdict(struct soap *soap)
{
  return verdict = plugin_verdict(soap);
}

/* Addresses the next request, and signs it where it must be signed; returns its endpoint. */
static const char *prepare(struct client *client, const char *path, const char *action)
{
  struct soap *soap = client->soap;
  snprintf(client->endpoint, sizeof client->endpoint, "%s%s", client->url, path);
  client->message_id = soap_wsa_rand_uuid(soap);
  if (!client->algorithm) {
    if (soap_wsa_request(soap, client->message_id, client->endpoint, action))
      die(BROKEN, "cannot prepare the request");
    return client->endpoint;
  }
  /* Elements that get a wsu:Id are signed: the token has one too, and is signed along. */
  soap_wsse_set_wsu_id(soap, "wsa5:To wsa5:Action wsa5:MessageID wsa5:ReplyTo");
  if (soap_wsa_request(soap, client->message_id, client->endpoint, action)
      || soap_wsse_add_Timestamp(soap, "Time", 300)
      || soap_wsse_add_BinarySecurityTokenX509(soap, "Token", client->certificate)
      || soap_wsse_add_KeyInfo_SecurityTokenReferenceX509(soap, "#Token")
      || soap_wsse_sign_body(soap, ALGORITHMS[client->algorithm].sign, client->key, 0)
      || soap_wsse_verify_auto(soap, SOAP_SMD_NONE, NULL, 0))
    die(BROKEN, "cannot prepare the request");
  client->sent = soap_wsse_Signature(soap); /* its value is filled in when it is sent */
  plugin_verdict = soap->fpreparefinalrecv;
  soap->fpreparefinalrecv = keep_verdict;
  return client->endpoint;
}

static void require_signed(struct soap *soap, const char *namespace, const char *name)
{
  if (soap_wsse_verify_element(soap, namespace, name) == 1)
    return;
  fprintf(stderr, "not exactly one signed %s in the answer\n", name);
  exit(BAD_ANSWER);
}

/* Digipoort's own: the answer may use the algorithm of its request, or a better one. */
static int is_accepted(const struct client *client, int method)
{
  if (method == SOAP_SMD_VRFY_RSA_SHA1)
    return !client->confirms && method == ALGORITHMS[client->algorithm].verify;
  return method == SOAP_SMD_VRFY_RSA_SHA256 || method == SOAP_SMD_VRFY_RSA_SHA512;
}

/* gSOAP has nothing for SignatureConfirmation: this finds the only one, and compares. */
static void require_confirmation(const struct client *client)
{
  struct soap *soap = client->soap;
  require_signed(soap, WSSE, "SignatureConfirmation");
  struct soap_dom_element *found =
      soap_dom_find(soap->dom, soap->dom, WSSE, "*:SignatureConfirmation", 0);
  struct soap_dom_attribute *value = found ? soap_att_get(found, NULL, "Value") : NULL;
  if (!value || !value->text || strcmp(value->text, client->sent->SignatureValue))
    die(BAD_ANSWER, "the answer confirms another signature");
}

/* What verify_auto leaves to its user: which parts are signed, with what, when, and about what. */
static void judge(const struct client *client)
{
  struct soap *soap = client->soap;
  int method, bits;
  if (client->algorithm) {
    /* verify_auto would take an HMAC whose key stands in the message. */
    if (soap_wsse_get_SignedInfo_SignatureMethod(soap, &method, &bits)
        || !is_accepted(client, method))
      die(BAD_ANSWER, "the answer is not signed with RSA");
    if (soap_wsse_verify_body(soap))
      die(BAD_ANSWER, "the answer's Body is not signed");
    require_signed(soap, WSU, "Timestamp");
    require_signed(soap, WSA, "To");
    require_signed(soap, WSA, "Action");
    require_signed(soap, WSA, "MessageID");
    require_signed(soap, WSA, "RelatesTo");
    if (client->confirms)
      require_confirmation(client);
    /* Without Expires the plug-in keeps silent. */
    if (!soap_wsse_Timestamp(soap)->Expires || soap_wsse_verify_Timestamp(soap))
      die(BAD_ANSWER, "the answer has expired");
  }
  if (!soap->header || !soap->header->wsa5__RelatesTo
      || strcmp(soap->header->wsa5__RelatesTo->__item, client->message_id))
    die(BAD_ANSWER, "the answer belongs to another request");
}

static void report_fault(struct soap *soap)
{
  fprintf(stderr, "fault: %s: %s\n", *soap_faultcode(soap), *soap_faultstring(soap));
  exit(FAULT);
}

static void explain_failure(const struct client *client)
{
  struct soap *soap = client->soap;
  struct soap_dom_element *fault = soap->dom
      ? soap_dom_find(soap->dom, soap->dom, "http://schemas.xmlsoap.org/soap/envelope/", "Fault", 0)
      : NULL;
  if (soap->error == SOAP_FAULT && (!client->algorithm || (fault && !verdict))) {
    judge(client);
    report_fault(soap);
  }
  /* Digipoort's faults are unsigned, which verify_auto reports instead: look into the DOM. */
  if (fault && !client->confirms && !soap_wsse_Security(soap)) {
    struct soap_dom_element *text = soap_dom_find(fault, fault, NULL, "*:foutbeschrijving", 0);
    die(FAULT, text && text->text ? text->text : "a fault without a text");
  }
  soap_set_fault(soap);
  fprintf(stderr, "%s %s\n", *soap_faultstring(soap),
      soap_fault_detail(soap) ? soap_fault_detail(soap) : "");
  /* With a DOM, this fault is the plug-in's verdict on a message that was read to its end. */
  exit(soap->dom && soap->error == SOAP_FAULT ? BAD_ANSWER : BROKEN);
}

static void accept_answer(const struct client *client, int error)
{
  if (error)
    explain_failure(client);
  judge(client);
}

/* With a type it becomes an attachment, where the context is set to that. */
static struct _xop__Include read_filing(const struct client *client, char *type)
{
  static unsigned char octets[65536];
  FILE *file = fopen(client->filing, "rb");
  size_t length = file ? fread(octets, 1, sizeof octets, file) : 0;
  if (file)
    fclose(file);
  if (!length || length == sizeof octets)
    die(BROKEN, "cannot read the filing");
  return (struct _xop__Include){octets, (int)length, NULL, type, NULL};
}

static void send_filing(struct client *client, char *type)
{
  struct dp__identiteitType party = {"001000044B37", "Fi"};
  struct dp__berichtInhoudType content = {
      "application/xml", "Omzetbelasting.xbrl", read_filing(client, type)};
  struct _dp__aanleverRequest request = {0};
  struct _dp__aanleverResponse answer;
  request.berichtsoort = "Omzetbelasting";
  request.aanleverkenmerk = "interop-gsoap";
  request.identiteitBelanghebbende = &party;
  request.rolBelanghebbende = "Bedrijf";
  request.berichtInhoud = &content;
  request.autorisatieAdres = "http://geenausp.nl";
  const char *endpoint = prepare(client, WUS("aanleverservice"), AANLEVER "aanleverenRequest");
  accept_answer(client,
      soap_call___aanlever__aanleveren(client->soap, endpoint, NULL, &request, &answer));
  puts(answer.kenmerk);
}

static void file_return(struct client *client)
{
  send_filing(client, NULL);
}

/* Refused: signing needs canonical XML, and with that gSOAP writes an xop:Include without href. */
static void file_mtom(struct client *client)
{
  soap_set_omode(client->soap, SOAP_ENC_MTOM);
  send_filing(client, "application/octet-stream");
}

static void print_statuses(const struct dp__statusResultatenType *found)
{
  for (int i = 0; i < found->__sizeStatusResultaat; i++)
    puts(found->StatusResultaat[i].statuscode);
}

static void statuses(struct client *client)
{
  struct dp__kenmerkVraagType request = {(char *)client->about, NULL, NULL, NULL};
  struct _dp__getStatussenProcesResponse answer;
  const char *endpoint =
      prepare(client, WUS("statusinformatieservice"), STATUS "getStatussenProcesRequest");
  accept_answer(client,
      soap_call___status__getStatussenProces(client->soap, endpoint, NULL, &request, &answer));
  print_statuses(answer.getStatussenProcesReturn);
}

static void new_statuses(struct client *client)
{
  struct dp__kenmerkVraagType request = {(char *)client->about, NULL, NULL, NULL};
  struct _dp__getNieuweStatussenProcesResponse answer;
  const char *endpoint =
      prepare(client, WUS("statusinformatieservice"), STATUS "getNieuweStatussenProcesRequest");
  accept_answer(client,
      soap_call___status__getNieuweStatussenProces(client->soap, endpoint, NULL, &request, &answer));
  print_statuses(answer.getNieuweStatussenProcesReturn);
}

static void list(struct client *client)
{
  struct dp__berichtenLijstVraagType request = {0};
  struct _dp__getBerichtenLijstResponse answer;
  const char *endpoint = prepare(client, WUS("ophaalservice"), OPHAAL "getBerichtenLijstRequest");
  accept_answer(client,
      soap_call___ophaal__getBerichtenLijst(client->soap, endpoint, NULL, &request, &answer));
  const struct dp__berichtLijstResultatenType *found = answer.getBerichtenLijstReturn;
  for (int i = 0; i < found->__sizeBerichtLijstResultaat; i++)
    puts(found->BerichtLijstResultaat[i].kenmerk);
}

static void by_kenmerk(struct client *client)
{
  struct dp__kenmerkVraagType request = {(char *)client->about, NULL, NULL, NULL};
  struct _dp__getBerichtenKenmerkResponse answer;
  const char *endpoint = prepare(client, WUS("ophaalservice"), OPHAAL "getBerichtenKenmerkRequest");
  accept_answer(client,
      soap_call___ophaal__getBerichtenKenmerk(client->soap, endpoint, NULL, &request, &answer));
  const struct dp__berichtResultatenType *found = answer.getBerichtenKenmerkReturn;
  for (int i = 0; i < found->__sizeBerichtResultaat; i++) {
    const struct dp__berichtInhoudType *content = found->BerichtResultaat[i].berichtInhoud;
    printf("%s %d\n", content->bestandsnaam, content->inhoud.__size);
  }
}

/* Sends a text, and its octets as data; prints both as they came back. */
static void echo(struct client *client)
{
  char *text = (char *)client->about;
  struct echo__echoType answer, request = {
      text, {(unsigned char *)text, (int)strlen(text), NULL, NULL, NULL}};
  client->confirms = client->algorithm != 0;
  const char *endpoint = prepare(client,
      client->algorithm ? "/digikoppeling/2W-be-S/echo" : "/digikoppeling/2W-be/echo",
      "urn:digipoort-wus:echo:1:EchoService:echoRequest");
  accept_answer(client,
      soap_call___echo__echo(client->soap, endpoint, NULL, &request, &answer));
  printf("%s\n%.*s\n", answer.text, answer.data.__size, (char *)answer.data.__ptr);
}

static const struct {
  const char *name;
  void (*run)(struct client *);
} ACTIONS[] = {
    {"file", file_return},
    {"file-mtom", file_mtom},
    {"statuses", statuses},
    {"new-statuses", new_statuses},
    {"list", list},
    {"by-kenmerk", by_kenmerk},
    {"echo", echo},
};

int main(int argc, char **argv)
{
  if (argc < 6)
    die(BROKEN, "client FILING URL PKI ALG ACTION [KENMERK|TEXT]");
  soap_ssl_init();
  struct client client = {0};
  client.soap = soap_new1(SOAP_XML_CANONICAL | SOAP_C_UTFSTRING);
  client.filing = argv[1];
  client.url = argv[2];
  client.pki = argv[3];
  client.algorithm = -1;
  for (size_t i = 0; i < sizeof ALGORITHMS / sizeof *ALGORITHMS; i++)
    if (!strcmp(ALGORITHMS[i].name, argv[4]))
      client.algorithm = (int)i;
  if (client.algorithm < 0)
    die(BROKEN, "no such algorithm");
  client.about = argc > 6 ? argv[6] : NULL;
  client.soap->recv_timeout = client.soap->send_timeout = client.soap->connect_timeout = 30;
  soap_register_plugin(client.soap, soap_wsa);
  soap_register_plugin(client.soap, soap_wsse);
  load_identity(&client);
  for (size_t i = 0; i < sizeof ACTIONS / sizeof *ACTIONS; i++)
    if (!strcmp(ACTIONS[i].name, argv[5])) {
      ACTIONS[i].run(&client);
      X509_free(client.certificate);
      EVP_PKEY_free(client.key);
      soap_destroy(client.soap);
      soap_end(client.soap);
      soap_free(client.soap);
      return DONE;
    }
  die(BROKEN, "no such action");
}
