/* gSOAP with its wsse and wsa plug-ins against the gateway:
 *
 *     client FILING URL PKI ALG ACTION [KENMERK]
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

/* Exit statuses of the interop contract. */
enum { DONE = 0, BROKEN = 1, BAD_ANSWER = 3, FAULT = 4 };

struct client {
  struct soap *soap;
  const char *filing, *url, *pki, *kenmerk;
  int algorithm;
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

/* Addresses and signs the next request; returns its endpoint. */
static const char *prepare(struct client *client, const char *service, const char *action)
{
  struct soap *soap = client->soap;
  snprintf(client->endpoint, sizeof client->endpoint, "%s/wus/2.0/%s/1.2", client->url, service);
  client->message_id = soap_wsa_rand_uuid(soap);
  /* Elements that get a wsu:Id are signed: the token has one too, and is signed along. */
  soap_wsse_set_wsu_id(soap, "wsa5:To wsa5:Action wsa5:MessageID wsa5:ReplyTo");
  if (soap_wsa_request(soap, client->message_id, client->endpoint, action)
      || soap_wsse_add_Timestamp(soap, "Time", 300)
      || soap_wsse_add_BinarySecurityTokenX509(soap, "Token", client->certificate)
      || soap_wsse_add_KeyInfo_SecurityTokenReferenceX509(soap, "#Token")
      || soap_wsse_sign_body(soap, client->algorithm, client->key, 0)
      || soap_wsse_verify_auto(soap, SOAP_SMD_NONE, NULL, 0))
    die(BROKEN, "cannot prepare the request");
  return client->endpoint;
}

static void require_signed(struct soap *soap, const char *namespace, const char *name)
{
  if (soap_wsse_verify_element(soap, namespace, name) == 1)
    return;
  fprintf(stderr, "not exactly one signed %s in the answer\n", name);
  exit(BAD_ANSWER);
}

/* Faults are unsigned, which verify_auto reports instead of the fault: look into the DOM. */
static void explain_failure(struct soap *soap)
{
  struct soap_dom_element *fault = soap->dom
      ? soap_dom_find(soap->dom, soap->dom, "http://schemas.xmlsoap.org/soap/envelope/", "Fault", 0)
      : NULL;
  if (fault && !soap_wsse_Security(soap)) {
    struct soap_dom_element *text = soap_dom_find(fault, fault, NULL, "*:foutbeschrijving", 0);
    die(FAULT, text && text->text ? text->text : "a fault without a text");
  }
  soap_set_fault(soap);
  fprintf(stderr, "%s %s\n", *soap_faultstring(soap),
      soap_fault_detail(soap) ? soap_fault_detail(soap) : "");
  /* With a DOM, this fault is the plug-in's verdict on a message that was read to its end. */
  exit(soap->dom && soap->error == SOAP_FAULT ? BAD_ANSWER : BROKEN);
}

/* What verify_auto leaves to its user: which parts are signed, with what, when, and about what. */
static void accept_answer(struct client *client, int error)
{
  struct soap *soap = client->soap;
  int method, bits;
  if (error)
    explain_failure(soap);
  /* verify_auto would take an HMAC whose key stands in the message. */
  if (soap_wsse_get_SignedInfo_SignatureMethod(soap, &method, &bits)
      || (method != SOAP_SMD_VRFY_RSA_SHA1 && method != SOAP_SMD_VRFY_RSA_SHA256))
    die(BAD_ANSWER, "the answer is not signed with RSA");
  if (soap_wsse_verify_body(soap))
    die(BAD_ANSWER, "the answer's Body is not signed");
  require_signed(soap, WSU, "Timestamp");
  require_signed(soap, WSA, "To");
  require_signed(soap, WSA, "Action");
  require_signed(soap, WSA, "MessageID");
  require_signed(soap, WSA, "RelatesTo");
  /* Without Expires the plug-in keeps silent. */
  if (!soap_wsse_Timestamp(soap)->Expires || soap_wsse_verify_Timestamp(soap))
    die(BAD_ANSWER, "the answer has expired");
  if (strcmp(soap->header->wsa5__RelatesTo->__item, client->message_id))
    die(BAD_ANSWER, "the answer belongs to another request");
}

static char *read_base64(struct client *client)
{
  unsigned char octets[65536];
  FILE *file = fopen(client->filing, "rb");
  size_t length = file ? fread(octets, 1, sizeof octets, file) : 0;
  if (file)
    fclose(file);
  if (!length || length == sizeof octets)
    die(BROKEN, "cannot read the filing");
  return soap_s2base64(client->soap, octets, NULL, (int)length);
}

static void file_return(struct client *client)
{
  struct ns1__identiteitType party = {"001000044B37", "Fi"};
  struct ns1__berichtInhoudType content = {
      "application/xml", "Omzetbelasting.xbrl", read_base64(client)};
  struct _ns1__aanleverRequest request = {0};
  struct _ns1__aanleverResponse answer;
  request.berichtsoort = "Omzetbelasting";
  request.aanleverkenmerk = "interop-gsoap";
  request.identiteitBelanghebbende = &party;
  request.rolBelanghebbende = "Bedrijf";
  request.berichtInhoud = &content;
  request.autorisatieAdres = "http://geenausp.nl";
  const char *endpoint = prepare(client, "aanleverservice", AANLEVER "aanleverenRequest");
  accept_answer(client,
      soap_call___ns2__aanleveren(client->soap, endpoint, NULL, &request, &answer));
  puts(answer.kenmerk);
}

static void print_statuses(const struct ns1__statusResultatenType *found)
{
  for (int i = 0; i < found->__sizeStatusResultaat; i++)
    puts(found->StatusResultaat[i].statuscode);
}

static void statuses(struct client *client)
{
  struct ns1__kenmerkVraagType request = {(char *)client->kenmerk, NULL, NULL, NULL};
  struct _ns1__getStatussenProcesResponse answer;
  const char *endpoint =
      prepare(client, "statusinformatieservice", STATUS "getStatussenProcesRequest");
  accept_answer(client,
      soap_call___ns4__getStatussenProces(client->soap, endpoint, NULL, &request, &answer));
  print_statuses(answer.getStatussenProcesReturn);
}

static void new_statuses(struct client *client)
{
  struct ns1__kenmerkVraagType request = {(char *)client->kenmerk, NULL, NULL, NULL};
  struct _ns1__getNieuweStatussenProcesResponse answer;
  const char *endpoint =
      prepare(client, "statusinformatieservice", STATUS "getNieuweStatussenProcesRequest");
  accept_answer(client,
      soap_call___ns4__getNieuweStatussenProces(client->soap, endpoint, NULL, &request, &answer));
  print_statuses(answer.getNieuweStatussenProcesReturn);
}

static void list(struct client *client)
{
  struct ns1__berichtenLijstVraagType request = {0};
  struct _ns1__getBerichtenLijstResponse answer;
  const char *endpoint = prepare(client, "ophaalservice", OPHAAL "getBerichtenLijstRequest");
  accept_answer(client,
      soap_call___ns3__getBerichtenLijst(client->soap, endpoint, NULL, &request, &answer));
  const struct ns1__berichtLijstResultatenType *found = answer.getBerichtenLijstReturn;
  for (int i = 0; i < found->__sizeBerichtLijstResultaat; i++)
    puts(found->BerichtLijstResultaat[i].kenmerk);
}

static void by_kenmerk(struct client *client)
{
  struct ns1__kenmerkVraagType request = {(char *)client->kenmerk, NULL, NULL, NULL};
  struct _ns1__getBerichtenKenmerkResponse answer;
  const char *endpoint = prepare(client, "ophaalservice", OPHAAL "getBerichtenKenmerkRequest");
  accept_answer(client,
      soap_call___ns3__getBerichtenKenmerk(client->soap, endpoint, NULL, &request, &answer));
  const struct ns1__berichtResultatenType *found = answer.getBerichtenKenmerkReturn;
  for (int i = 0; i < found->__sizeBerichtResultaat; i++) {
    const struct ns1__berichtInhoudType *content = found->BerichtResultaat[i].berichtInhoud;
    int length = 0;
    /* A base64Binary with a maximum length is a string to wsdl2h: decoding is left to us. */
    if (!soap_base642s(client->soap, content->inhoud, NULL, 0, &length))
      die(BROKEN, "inhoud is no base64");
    printf("%s %d\n", content->bestandsnaam, length);
  }
}

static const struct {
  const char *name;
  void (*run)(struct client *);
} ACTIONS[] = {
    {"file", file_return},
    {"statuses", statuses},
    {"new-statuses", new_statuses},
    {"list", list},
    {"by-kenmerk", by_kenmerk},
};

int main(int argc, char **argv)
{
  if (argc < 6)
    die(BROKEN, "client FILING URL PKI ALG ACTION [KENMERK]");
  soap_ssl_init();
  struct client client = {0};
  client.soap = soap_new1(SOAP_XML_CANONICAL | SOAP_C_UTFSTRING);
  client.filing = argv[1];
  client.url = argv[2];
  client.pki = argv[3];
  client.algorithm =
      strcmp(argv[4], "sha1") ? SOAP_SMD_SIGN_RSA_SHA256 : SOAP_SMD_SIGN_RSA_SHA1;
  client.kenmerk = argc > 6 ? argv[6] : NULL;
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
