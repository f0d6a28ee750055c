#include "base/file_kind.h"

#include <stdio.h>
#include <string.h>

#include "base/file_guess.h"
#include "base/utf8.h"

/* Shares of the head, or of a text, from which on it is no text in UTF-8. */
#define NUL_SHARE 1000    /* one byte of so many is NUL: text holds none */
#define NUL_MIN 4         /* fewer are damage of a small text, if they are few in it, too */
#define INVALID_SHARE 500 /* one byte of so many: in German in Latin-1 it is one of 60 */
#define INVALID_MIN 16    /* fewer are damage of a small text, which is counted as words are */
#define LOOK 512          /* bytes in which a kind with a weak magic must show that it is binary */
#define UNPACK "unpack it first"
#define VECTORS "vectors of word2vec or GloVe, as text or binary"
#define OFFICE "save it as plain text"
#define TABLE "write the column with the text to a file, one sentence a line"

/* How sure the magic is, and where it is looked for. */
enum magic_kind {
    MAGIC_SURE,
    MAGIC_WEAK,  /* letters that text might begin with: the head must be binary, too */
    MAGIC_PACKED /* in a zip, whose first file has a name at byte 30 */
};

#define ROW(name, offset, magic, kind, advice) \
    { name, advice, magic, offset, sizeof magic - 1, kind }

static const struct file_kind {
    const char *name, *advice, *magic;
    size_t offset, length;
    enum magic_kind kind;
} kinds[] = {
    /* text in other encodings; those of 4 bytes first */
    ROW("text in UTF-32", 0, "\xff\xfe\0\0", MAGIC_SURE, "recode it: iconv -f UTF-32 -t UTF-8"),
    ROW("text in UTF-32", 0, "\0\0\xfe\xff", MAGIC_SURE, "recode it: iconv -f UTF-32 -t UTF-8"),
    ROW("text in UTF-16", 0, "\xff\xfe", MAGIC_SURE, "recode it: iconv -f UTF-16 -t UTF-8"),
    ROW("text in UTF-16", 0, "\xfe\xff", MAGIC_SURE, "recode it: iconv -f UTF-16 -t UTF-8"),
    /* archives, and compression that is not read here */
    ROW("a 7-Zip archive", 0, "7z\xbc\xaf\x27\x1c", MAGIC_SURE, UNPACK " (7z x)"),
    ROW("a RAR archive", 0, "Rar!\x1a\x07", MAGIC_SURE, UNPACK " (unrar x)"),
    ROW("an lz4 file", 0, "\x04\x22\x4d\x18", MAGIC_SURE, UNPACK " (lz4 -d)"),
    ROW("an lz4 file", 0, "\x02\x21\x4c\x18", MAGIC_SURE, UNPACK " (lz4 -d)"),
    ROW("a compress (.Z) file", 0, "\x1f\x9d", MAGIC_SURE, UNPACK " (gzip -d)"),
    ROW("a compress (.Z) file", 0, "\x1f\xa0", MAGIC_SURE, UNPACK " (gzip -d)"),
    ROW("a pack (.z) file", 0, "\x1f\x1e", MAGIC_SURE, UNPACK " (gzip -d)"),
    ROW("an lzma file", 0, "\x5d\0\0", MAGIC_SURE, UNPACK " (xz -d --format=lzma)"),
    ROW("an lzip file", 0, "LZIP\1", MAGIC_SURE, UNPACK " (lzip -d)"),
    ROW("an lzop file", 0, "\x89LZO\0", MAGIC_SURE, UNPACK " (lzop -d)"),
    ROW("a snappy file", 0, "\xff\x06\0\0sNaPpY", MAGIC_SURE, UNPACK),
    ROW("a tar archive", 257, "ustar", MAGIC_SURE, UNPACK " (tar -x)"),
    ROW("an ar archive", 0, "!<arch>\n", MAGIC_SURE, UNPACK),
    ROW("a cabinet archive", 0, "MSCF\0\0\0\0", MAGIC_SURE, UNPACK),
    ROW("a split zip archive", 0, "PK\7\10", MAGIC_SURE, UNPACK),
    /* tables */
    ROW("a Parquet file", 0, "PAR1", MAGIC_WEAK, TABLE),
    ROW("a Parquet file", 0, "PARE", MAGIC_WEAK, TABLE),
    ROW("an Arrow or Feather file", 0, "ARROW1\0\0", MAGIC_SURE, TABLE),
    ROW("an Arrow stream", 0, "\xff\xff\xff\xff", MAGIC_SURE, TABLE),
    ROW("a Feather file", 0, "FEA1", MAGIC_WEAK, TABLE),
    ROW("an ORC file", 0, "ORC", MAGIC_WEAK, TABLE),
    ROW("an Avro file", 0, "Obj\1", MAGIC_SURE, TABLE),
    ROW("an SQLite database", 0, "SQLite format 3\0", MAGIC_SURE, TABLE),
    ROW("a Hadoop sequence file", 0, "SEQ\6", MAGIC_SURE, TABLE),
    ROW("an R data file", 0, "RDX2\n", MAGIC_SURE, TABLE),
    ROW("an R data file", 0, "RDX3\n", MAGIC_SURE, TABLE),
    /* documents */
    ROW("a PDF document", 0, "%PDF-", MAGIC_SURE, "extract its text first (pdftotext)"),
    ROW("a PostScript document", 0, "%!PS-", MAGIC_SURE, "extract its text first (ps2txt)"),
    ROW("an RTF document", 0, "{\\rtf", MAGIC_SURE, OFFICE),
    ROW("an office document", 0, "\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", MAGIC_SURE, OFFICE),
    ROW("an office document", 30, "[Content_Types].xml", MAGIC_PACKED, OFFICE),
    ROW("an office document", 30, "_rels/.rels", MAGIC_PACKED, OFFICE),
    ROW("an office document", 30, "docProps/", MAGIC_PACKED, OFFICE),
    ROW("an office document", 30, "word/", MAGIC_PACKED, OFFICE),
    ROW("an office document", 30, "xl/", MAGIC_PACKED, OFFICE),
    ROW("an EPUB book", 30, "mimetypeapplication/epub", MAGIC_PACKED, OFFICE),
    ROW("an office document", 30, "mimetype", MAGIC_PACKED, OFFICE),
    ROW("a Java archive", 30, "META-INF/", MAGIC_PACKED, UNPACK),
    ROW("a Git LFS pointer, not the file itself", 0, "version https://git-lfs.github.com/spec/",
        MAGIC_SURE, "fetch the file with 'git lfs pull'"),
    /* models and arrays */
    ROW("fastText's binary model", 0, "\xba\x16\x4f\x2f", MAGIC_SURE,
        "a model is made of it by 'vecmill import'"),
    ROW("a Python pickle", 0, "\x80\2", MAGIC_SURE, "gensim's .kv is taken by 'vecmill import'"),
    ROW("a Python pickle", 0, "\x80\3", MAGIC_SURE, "gensim's .kv is taken by 'vecmill import'"),
    ROW("a Python pickle", 0, "\x80\4", MAGIC_SURE, "gensim's .kv is taken by 'vecmill import'"),
    ROW("a Python pickle", 0, "\x80\5", MAGIC_SURE, "gensim's .kv is taken by 'vecmill import'"),
    ROW("a NumPy array", 0, "\x93NUMPY", MAGIC_SURE, "give " VECTORS ", or text"),
    ROW("an HDF5 file", 0, "\x89HDF\r\n\x1a\n", MAGIC_SURE, "give " VECTORS ", or text"),
    ROW("a GGUF model", 0, "GGUF", MAGIC_WEAK, "give " VECTORS ", or text"),
    /* pictures, sound, programs */
    ROW("a PNG image", 0, "\x89PNG\r\n\x1a\n", MAGIC_SURE, "give text"),
    ROW("a JPEG image", 0, "\xff\xd8\xff", MAGIC_SURE, "give text"),
    ROW("a GIF image", 0, "GIF8", MAGIC_WEAK, "give text"),
    ROW("a TIFF image", 0, "II*\0", MAGIC_SURE, "give text"),
    ROW("a TIFF image", 0, "MM\0*", MAGIC_SURE, "give text"),
    ROW("a BMP image", 0, "BM", MAGIC_WEAK, "give text"),
    ROW("an icon", 0, "\0\0\1\0", MAGIC_SURE, "give text"),
    ROW("a sound or image file", 0, "RIFF", MAGIC_WEAK, "give text"),
    ROW("an Ogg file", 0, "OggS\0", MAGIC_SURE, "give text"),
    ROW("an MP3 file", 0, "ID3", MAGIC_WEAK, "give text"),
    ROW("a FLAC file", 0, "fLaC", MAGIC_WEAK, "give text"),
    ROW("an MP4 file", 4, "ftyp", MAGIC_WEAK, "give text"),
    ROW("a Matroska file", 0, "\x1a\x45\xdf\xa3", MAGIC_SURE, "give text"),
    ROW("an ELF program", 0,
        "\x7f"
        "ELF",
        MAGIC_SURE, "give text"),
    ROW("a Windows program", 0, "MZ", MAGIC_WEAK, "give text"),
    ROW("a Mach-O program", 0, "\xcf\xfa\xed\xfe", MAGIC_SURE, "give text"),
    ROW("Java or Mach-O code", 0, "\xca\xfe\xba\xbe", MAGIC_SURE, "give text"),
    ROW("a WebAssembly program", 0, "\0asm", MAGIC_SURE, "give text"),
    ROW("an encrypted file", 0, "Salted__", MAGIC_WEAK, "decrypt it first"),
};

static enum status refuse(const char *subject, const char *name, enum file_use use,
                          const char *advice, struct error *err) {
    return error_set(err, STATUS_UNSUPPORTED, "%s is %s, not %s: %s", subject, name,
                     use == FILE_AS_VECTORS  ? VECTORS
                     : use == FILE_AS_NDJSON ? "NDJSON"
                                             : "UTF-8 text",
                     advice);
}

/* Bytes that text has no use for. */
static bool is_binary(const struct file_head *head) {
    size_t length = head->length < LOOK ? head->length : LOOK;
    for (size_t i = 0; i < length; i++) {
        unsigned char c = (unsigned char)head->bytes[i];
        if (c < '\t' || (c > '\r' && c < ' ' && c != 0x1b && c != 0x1f))
            return true;
    }
    /* a character may be cut by the end */
    return utf8_count_invalid(head->bytes, length) > (length < head->length || !head->whole);
}

static bool kind_is(const struct file_kind *kind, const struct file_head *head, bool packed) {
    if (head->length < kind->offset + kind->length ||
        memcmp(head->bytes + kind->offset, kind->magic, kind->length) != 0)
        return false;
    switch (kind->kind) {
    case MAGIC_SURE:
        return !packed;
    case MAGIC_WEAK:
        return !packed && is_binary(head);
    case MAGIC_PACKED:
        return packed;
    }
    return false;
}

/* The length of a header in 8 bytes, and the header, a JSON object. */
static bool is_safetensors(const struct file_head *head) {
    const char *bytes = head->bytes;
    return head->length >= 16 && memcmp(bytes + 5, "\0\0\0{\"", 5) == 0;
}

/* "rows dim" on a line of its own, as word2vec's files begin. */
static bool has_vector_header(const struct file_head *head) {
    size_t at = 0, digits = 0, numbers = 0;
    for (; at < head->length && head->bytes[at] != '\n'; at++) {
        bool digit = head->bytes[at] >= '0' && head->bytes[at] <= '9';
        numbers += digit && digits == 0;
        digits = digit ? digits + 1 : 0;
        if (!digit && head->bytes[at] != ' ' && head->bytes[at] != '\r')
            return false;
    }
    return numbers == 2 && at < head->length;
}

/* The name of the first file in a zip, which NumPy's and PyTorch's tell themselves by. */
static bool zip_name_ends(const struct file_head *head, const char *end) {
    size_t n = strlen(end);
    if (head->length < 30)
        return false;
    size_t name = (size_t)(unsigned char)head->bytes[26];
    return name >= n && head->length >= 30 + name && head->bytes[27] == '\0' &&
           memcmp(head->bytes + 30 + name - n, end, n) == 0;
}

enum status file_kind_check_packed(const struct file_head *head, const char *subject,
                                   struct error *err) {
    if (head->length < 4 || memcmp(head->bytes, "PK\3\4", 4) != 0)
        return STATUS_OK;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (kind_is(&kinds[i], head, true))
            return refuse(subject, kinds[i].name, FILE_AS_TEXT, kinds[i].advice, err);
    if (zip_name_ends(head, ".npy"))
        return refuse(subject, "NumPy's .npz", FILE_AS_TEXT, "give " VECTORS ", or text", err);
    if (zip_name_ends(head, "/data.pkl"))
        return refuse(subject, "a PyTorch file", FILE_AS_TEXT, "give " VECTORS ", or text", err);
    return STATUS_OK;
}

/* How often each of four places in a row of bytes is NUL, which tells UTF-16 and UTF-32 without a
 * mark: the high bytes of most characters are 0, and no low ones. NULL: it is neither. */
static const char *wide_encoding(const struct file_head *head) {
    size_t nul[4] = {0}, quarter = head->length / 4;
    for (size_t i = 0; i < quarter * 4; i++)
        nul[i % 4] += head->bytes[i] == '\0';
    size_t even = nul[0] + nul[2], odd = nul[1] + nul[3], most = quarter - quarter / 10;
    if (quarter == 0)
        return NULL;
    if (nul[2] >= most && nul[3] >= most && nul[0] <= quarter / 10)
        return "UTF-32LE";
    if (nul[0] >= most && nul[1] >= most && nul[3] <= quarter / 10)
        return "UTF-32BE";
    if (odd > 8 * even)
        return "UTF-16LE";
    return even > 8 * odd ? "UTF-16BE" : NULL;
}

/* Whether so many invalid parts of UTF-8 are another encoding rather than damage. */
static bool is_other_encoding(uint64_t invalid, uint64_t valid, uint64_t bytes, double max) {
    return invalid >= INVALID_MIN && invalid >= bytes / INVALID_SHARE &&
           (double)invalid > max * (double)(invalid + valid);
}

/* Characters that are not ASCII, and good UTF-8. */
static uint64_t valid_count(const struct file_head *head) {
    uint64_t starts = 0;
    for (size_t i = 0; i < head->length; i++)
        starts += (unsigned char)head->bytes[i] >= 0xc2;
    uint64_t invalid = utf8_count_invalid(head->bytes, head->length);
    return starts > invalid ? starts - invalid : 0;
}

/* What is not known by its first bytes, but no text in UTF-8 either. */
static enum status check_bytes(const struct file_head *head, enum file_use use, double max_invalid,
                               const char *subject, struct error *err) {
    size_t nul = 0;
    char advice[80];
    for (size_t i = 0; i < head->length; i++)
        nul += head->bytes[i] == '\0';
    uint64_t invalid = utf8_count_invalid(head->bytes, head->length);
    bool binary = (nul >= NUL_MIN || nul * 4 >= head->length) && nul > 0 &&
                  nul >= head->length / NUL_SHARE,
         other = is_other_encoding(invalid, valid_count(head), head->length, max_invalid);
    if ((!binary && !other) || max_invalid >= 1)
        return STATUS_OK;
    const char *wide = binary ? wide_encoding(head) : NULL;
    if (has_vector_header(head) && use != FILE_AS_VECTORS)
        return refuse(subject, "a file of vectors in word2vec's binary format", use,
                      "a model is made of it by 'vecmill import'", err);
    if (wide) {
        snprintf(advice, sizeof advice, "recode it: iconv -f %s -t UTF-8", wide);
        return refuse(subject, wide[4] == '1' ? "text in UTF-16" : "text in UTF-32", use, advice,
                      err);
    }
    if (binary)
        return refuse(subject, "a binary file of a kind that is not known", use, "give UTF-8 text",
                      err);
    return refuse(subject, "not in UTF-8", use,
                  "recode it from its own encoding: iconv -f LATIN1 -t UTF-8", err);
}

static enum status check_guesses(const struct file_head *head, enum file_use use,
                                 const char *subject, struct error *err) {
    bool text = use == FILE_AS_TEXT;
    if (file_is_html(head))
        return refuse(subject, "a web page", use,
                      text ? "take its text out first, or say format 'text' to use it as it is"
                           : "download the file itself",
                      err);
    if (file_is_json(head))
        return refuse(subject, "JSON", use,
                      text ? "say format 'ndjson' (and text_field), or 'text' to use it as it is"
                           : "give " VECTORS,
                      err);
    if (text && file_is_csv(head))
        return refuse(subject, "a CSV table", use,
                      TABLE ", or say format 'text' to use it as it is", err);
    return STATUS_OK;
}

enum status file_kind_check(const struct file_head *head, enum file_use use, double max_invalid,
                            const char *subject, struct error *err) {
    bool vectors = use == FILE_AS_VECTORS && has_vector_header(head);
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (kind_is(&kinds[i], head, false))
            return refuse(subject, kinds[i].name, use, kinds[i].advice, err);
    if (is_safetensors(head))
        return refuse(subject, "a safetensors file", use, "give " VECTORS ", or text", err);
    if (vectors)
        return STATUS_OK; /* what follows may be floats, which may be any bytes */
    enum status status = check_bytes(head, use, max_invalid, subject, err);
    if (status == STATUS_OK && (use == FILE_AS_TEXT || use == FILE_AS_VECTORS))
        status = check_guesses(head, use, subject, err);
    return status;
}
