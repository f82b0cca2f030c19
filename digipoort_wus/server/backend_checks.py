"""What a request of the application has to meet: checks of an interface that is ours alone.

They are not in the catalogue, which is about what others send; the OpenAPI document names them.
"""

from digipoort_wus.errors import Check

TOKEN = Check(
    "BACKEND-TOKEN",
    "RFC 6750 §2.1",
    "Authorization is Bearer, with a token of which the configuration has the digest.",
    "Authorization is Bearer, met een token waarvan de configuratie de digest heeft.",
    http=401,
)
CLIENT = Check(
    "BACKEND-CLIENT",
    "ours",
    "The client certificate has an OIN that ebms.backend.clients names.",
    "Het clientcertificaat heeft een OIN dat ebms.backend.clients noemt.",
    http=403,
)
RIGHT = Check(
    "BACKEND-RIGHT",
    "ours",
    "The token may change agreements.",
    "Het token mag overeenkomsten wijzigen.",
    http=403,
)
KNOWN = Check(
    "BACKEND-KNOWN",
    "ours",
    "The path names an operation, and what it is about is here.",
    "Het pad noemt een operatie, en waar die over gaat is hier.",
    http=404,
)
METHOD = Check(
    "BACKEND-METHOD",
    "RFC 9110 §15.5.6",
    "The path has an operation for the method.",
    "Het pad heeft een operatie voor de methode.",
    http=405,
)
FORM = Check(
    "BACKEND-FORM",
    "ours",
    "Parameters and body are as the OpenAPI document says.",
    "Parameters en body zijn zoals het OpenAPI-document zegt.",
    http=400,
)
SIZE = Check(
    "BACKEND-SIZE",
    "ours",
    "The body stays within the limit of its kind.",
    "De body blijft binnen de grens van zijn soort.",
    http=413,
)
TYPE = Check(
    "BACKEND-TYPE",
    "RFC 9110 §15.5.16",
    "The Content-Type is one that the operation takes.",
    "Het Content-Type is er een die de operatie aanneemt.",
    http=415,
)
SAME = Check(
    "BACKEND-SAME",
    "ours",
    "A messageId that was used before comes with the same message again.",
    "Een messageId dat eerder gebruikt is komt met hetzelfde bericht nog eens.",
    http=409,
)
STATE = Check(
    "BACKEND-STATE",
    "ours",
    "The message is in a state in which this can be done.",
    "Het bericht is in een toestand waarin dit kan.",
    http=409,
)
AGREED = Check(
    "BACKEND-AGREED",
    "ours",
    "There is a usable agreement that allows this.",
    "Er is een bruikbare overeenkomst die dit toestaat.",
    http=422,
)
STORE = Check(
    "BACKEND-STORE",
    "ours",
    "The store answers; a repeat with the same messageId is safe.",
    "De opslag antwoordt; herhalen met hetzelfde messageId is veilig.",
    code=400,
    side="Server",
    http=503,
)
OURS = Check(
    "BACKEND-OURS",
    "ours",
    "The gateway makes no mistake; its log says which one it made.",
    "De gateway maakt geen fout; het log zegt welke het was.",
    code=400,
    side="Server",
    http=500,
)
PARTNER = Check(
    "BACKEND-PARTNER",
    "ours",
    "The other party answers in time.",
    "De andere partij antwoordt op tijd.",
    http=504,
)

ALL = (
    *(TOKEN, CLIENT, RIGHT, KNOWN, METHOD, FORM, SIZE, TYPE),
    *(SAME, STATE, AGREED, STORE, OURS, PARTNER),
)
