"""What an answer must meet beyond the gate's catalogue: it belongs to what was asked."""

from digipoort_wus.errors import Check

ANSWER_RELATES_TO = Check(
    "ANSWER-RELATES-TO",
    "WS-Addressing 1.0 Core §3.4, Digikoppeling WUS WA001",
    "wsa:RelatesTo of an answer is the wsa:MessageID of the request.",
    "wsa:RelatesTo van een antwoord is de wsa:MessageID van het verzoek.",
)
ANSWER_ACTION = Check(
    "ANSWER-ACTION",
    "Digipoort WSDL 1.2",
    "wsa:Action of an answer is the one that belongs to the request.",
    "wsa:Action van een antwoord is die welke bij het verzoek hoort.",
)
ANSWER_BODY = Check(
    "ANSWER-BODY",
    "Digipoort WSDL 1.2",
    "The element in the Body is the response to the request's element.",
    "Het element in de Body is het antwoord op het element van het verzoek.",
)
ANSWER_FAULT = Check(
    "ANSWER-FAULT",
    "ours (Digikoppeling WUS WB011)",
    "A fault of a service that signs is signed, and about the request that was sent.",
    "Een foutbericht van een service die ondertekent is ondertekend, en gaat over het verzoek.",
)
ANSWER_SIGNER = Check(
    "ANSWER-SIGNER",
    "ours",
    "An answer is signed by the gateway that was asked.",
    "Een antwoord is ondertekend door de gateway waaraan het verzoek gericht was.",
)
ANSWER_SCHEMA = Check(
    "ANSWER-SCHEMA",
    "Digipoort XSD 1.2",
    "An answer follows the schema.",
    "Een antwoord voldoet aan het schema.",
)
