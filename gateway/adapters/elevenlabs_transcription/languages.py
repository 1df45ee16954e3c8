"""Languages, from the codes of three letters (ISO 639-3) to those of two (639-1)."""

_CODES = (  # noqa: SIM905  # A table reads best as one.
    "afr af amh am ara ar asm as aze az bak ba bel be ben bn bod bo bos bs "
    "bre br bul bg cat ca ces cs cmn zh cym cy dan da deu de ell el eng en "
    "est et eus eu fao fo fas fa fil tl fin fi fra fr ful ff gle ga glg gl "
    "guj gu hat ht hau ha heb he hin hi hrv hr hun hu hye hy ibo ig ind id "
    "isl is ita it jav jv jpn ja kan kn kat ka kaz kk khm km kir ky kor ko "
    "kur ku lao lo lat la lav lv lin ln lit lt ltz lb lub lu lug lg mal ml "
    "mar mr mkd mk mlg mg mlt mt mon mn mri mi msa ms mya my nep ne nld nl "
    "nno nn nob no nor no nya ny oci oc ori or ory or pan pa pes fa pol pl "
    "por pt pus ps ron ro rus ru san sa sin si slk sk slv sl sna sn snd sd "
    "som so spa es sqi sq srp sr sun su swa sw swe sv tam ta tat tt tel te "
    "tgk tg tgl tl tha th tuk tk tur tr ukr uk urd ur uzb uz vie vi wol wo "
    "xho xh yid yi yor yo zho zh zsm ms zul zu"
).split()
_SHORT = dict(zip(_CODES[::2], _CODES[1::2], strict=True))


def short_code(code: str) -> str:
    """Return the code of two letters; a language that has none keeps its own."""
    return _SHORT.get(code, code)
