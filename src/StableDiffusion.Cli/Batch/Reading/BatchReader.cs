using System.Globalization;
using System.Text;

namespace StableDiffusion.Cli;

/// <summary>
/// Reads a batch file line by line as it arrives. Its first line that is not empty tells the format: a JSON object, the beginning of a JSON
/// document of several lines, a header of column names, or else text.
/// </summary>
/// <param name="source">The file.</param>
/// <param name="table">What a line may give.</param>
/// <param name="name">What the file is called in messages.</param>
/// <param name="note">Told what is left out, with the number of the line.</param>
internal sealed class BatchReader(TextReader source, FieldTable table, string name = "the input", Action<int, string>? note = null)
{
    /// <summary>Characters of one line, or of a record of a CSV file. Prompts have hundreds.</summary>
    public const int LongestLine = 1_000_000;

    /// <summary>Stands for bytes that are no UTF-8. No text has it: Unicode keeps it for such uses.</summary>
    private const char NoText = '\uFFFF';

    private int _number;

    /// <summary>UTF-8, with or without a mark at the start, of which the reader can say in which line it is none.</summary>
    public static Encoding Encoding { get; } = Encoding.GetEncoding("utf-8", EncoderFallback.ExceptionFallback, new DecoderReplacementFallback(NoText.ToString()));

    /// <summary>All lines, bad ones with what is wrong with them. Empty lines, and in text those that begin with #, are left out.</summary>
    /// <exception cref="RequestException">
    /// The file is no text: lines before are good. It is no JSON, or its header has a column that is no option: then nothing of it is painted.
    /// </exception>
    public IEnumerable<BatchLine> Lines()
    {
        if (NextLine() is not { } first)
        {
            return [];
        }

        if (CsvHeader.SeparatorOf(first) is { } separator)
        {
            // Excel's "sep=;"
            return NextLine(allowComments: false) is not { } second ? []
                : CsvHeader.Read(second, table, At, separator, Note) is { } declared ? Csv(declared)
                : throw new RequestException($"{At}: 'sep={separator}' stands above a header such as prompt{separator}seed{separator}steps; there is none.");
        }

        if (JsonDocumentLines.Begins(first))
        {
            return JsonDocumentLines.Read(first + "\n" + Checked(source.ReadToEnd()), _number, table, OneLine.Quote(name), Note);
        }

        if (first.TrimStart() is ['{', .. var rest] && rest.TrimStart() is ['"' or '}', ..])
        {
            return Plain(first, line => JsonLine.Parse(line, table, Note));
        }

        return CsvHeader.Read(first, table, At, null, Note) is { } header ? Csv(header) : Plain(first, line => TextLine.Parse(line, table, Note));
    }

    private string At => string.Create(CultureInfo.InvariantCulture, $"{OneLine.Quote(name)}, line {_number}");

    private void Note(string text) => note?.Invoke(_number, text);

    private IEnumerable<BatchLine> Plain(string first, Func<string, LineFields> parse)
    {
        for (var line = first; line is not null; line = NextLine())
        {
            var text = line;
            yield return BatchLine.Of(_number, text.Length, () => parse(text));
        }
    }

    private IEnumerable<BatchLine> Csv(CsvHeader header)
    {
        while (NextLine(allowComments: false) is { } line)
        {
            var start = _number;
            var record = new StringBuilder(line);
            for (var isOpen = (header.Count > 1 || line[0] == '"') && CsvRecord.IsOpen(line);
                isOpen && record.Length <= LongestLine && ReadLine() is { } more;
                isOpen ^= CsvRecord.IsOpen(more))
            {
                _number++;
                record.Append('\n').Append(more);
            }

            // One column needs no separator, so commas in its prompts need no quotes.
            var text = record.ToString();
            yield return BatchLine.Of(
                start, text.Length, () => header.Fields(header.Count == 1 && text[0] != '"' ? [text] : CsvRecord.Split(text, header.Separator)));
        }
    }

    private string? ReadLine() => source.ReadLine() is { } line ? Checked(line) : null;

    /// <summary>What was read behind the lines so far.</summary>
    private string Checked(string text) => Checked(text, name, _number + 1);

    /// <summary>A text that was read with <see cref="Encoding"/>.</summary>
    /// <exception cref="RequestException">It was no text.</exception>
    internal static string Checked(string text, string name, int firstLine) => text.AsSpan().IndexOfAny(NoText, '\0') switch
    {
        < 0 => text,
        var at when text[at] == '\0' => throw new RequestException($"{OneLine.Quote(name)} is no text, or UTF-16 without a mark at its start; save it as UTF-8."),
        var at => throw new RequestException(string.Create(
            CultureInfo.InvariantCulture,
            $"{OneLine.Quote(name)} is not UTF-8 text in line {firstLine + text.AsSpan(0, at).Count('\n')}; save it as UTF-8 (iconv -f latin1 -t utf-8 turns Latin-1 into it).")),
    };

    private string? NextLine(bool allowComments = true)
    {
        while (ReadLine() is { } line)
        {
            _number++;
            if (!string.IsNullOrWhiteSpace(line) && !(allowComments && line.StartsWith('#')))
            {
                return line;
            }
        }

        return null;
    }
}
