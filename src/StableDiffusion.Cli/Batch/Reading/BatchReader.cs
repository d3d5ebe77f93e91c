using System.Text;

namespace StableDiffusion.Cli;

/// <summary>
/// Reads a batch file line by line as it arrives. The first line that is not empty tells the format: a JSON object, a header of known
/// column names, or else text.
/// </summary>
/// <param name="source">The file.</param>
/// <param name="options">What a line may give.</param>
/// <param name="name">What the file is called in messages.</param>
internal sealed class BatchReader(TextReader source, LineOptions options, string name = "the input")
{
    private int _number;

    /// <summary>All lines, bad ones with what is wrong with them. Empty lines, and in text those that begin with #, are left out.</summary>
    public IEnumerable<BatchLine> Lines()
    {
        var first = NextLine();
        if (first is null)
        {
            return [];
        }

        var trimmed = first.TrimStart();
        if (trimmed.StartsWith('{') && trimmed[1..].TrimStart() is ['"' or '}', ..])
        {
            return Plain(first, line => JsonLine.Parse(line, options));
        }

        return Header(first) is var (columns, separator)
            ? Csv(columns, separator)
            : Plain(first, line => TextLine.Parse(line, options));
    }

    /// <summary>The columns and what separates them, where the line is a header.</summary>
    private (IReadOnlyList<string> Columns, char Separator)? Header(string line)
    {
        foreach (var separator in (char[])[',', ';', '\t'])
        {
            var cells = line.Split(separator).Select(cell => cell.Trim().Trim('"')).ToList();
            if (cells.TrueForAll(cell => cell.Length > 1 && (ResultJson.IsResult(cell) || options.TryNameOf(cell, out _)))
                && (cells.Count > 1 || cells[0] == LineOptions.Prompt))
            {
                return ([.. cells.Select(cell => options.TryNameOf(cell, out var field) ? field : "")], separator);
            }
        }

        return null;
    }

    private IEnumerable<BatchLine> Plain(string first, Func<string, IReadOnlyDictionary<string, IReadOnlyList<string>>> parse)
    {
        for (var line = first; line is not null; line = NextLine())
        {
            var text = line;
            yield return Line(_number, () => parse(text));
        }
    }

    private IEnumerable<BatchLine> Csv(IReadOnlyList<string> columns, char separator)
    {
        while (NextLine(allowComments: false) is { } line)
        {
            var start = _number;
            var record = new StringBuilder(line);
            for (var isOpen = (columns.Count > 1 || line[0] == '"') && CsvRecord.IsOpen(line); isOpen && ReadLine() is { } more; isOpen ^= CsvRecord.IsOpen(more))
            {
                _number++;
                record.Append('\n').Append(more);
            }

            // One column needs no separator, so commas in its prompts need no quotes.
            var text = record.ToString();
            yield return Line(start, () => Fields(columns, columns.Count == 1 && text[0] != '"' ? [text] : CsvRecord.Split(text, separator)));
        }
    }

    private static Dictionary<string, IReadOnlyList<string>> Fields(IReadOnlyList<string> columns, List<string> cells)
    {
        if (cells.Count > columns.Count)
        {
            throw new RequestException($"it has {cells.Count} cells, but the header {columns.Count}; put a cell with separators in quotes.");
        }

        var fields = new Dictionary<string, IReadOnlyList<string>>();
        foreach (var (column, cell) in columns.Zip(cells).Where(pair => pair.First.Length > 0 && pair.Second.Length > 0))
        {
            if (!fields.TryAdd(column, [cell]))
            {
                throw new RequestException($"the header has two columns for {column}.");
            }
        }

        return fields;
    }

    private static BatchLine Line(int number, Func<IReadOnlyDictionary<string, IReadOnlyList<string>>> parse)
    {
        try
        {
            return new BatchLine(number, parse());
        }
        catch (RequestException error)
        {
            return new BatchLine(number, new Dictionary<string, IReadOnlyList<string>>(), error.Message);
        }
    }

    private string? ReadLine()
    {
        try
        {
            return source.ReadLine();
        }
        catch (DecoderFallbackException error)
        {
            throw new RequestException($"{OneLine.Quote(name)} is not UTF-8 text.", error);
        }
    }

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
