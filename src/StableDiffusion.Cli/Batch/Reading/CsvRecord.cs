using System.Text;

namespace StableDiffusion.Cli;

/// <summary>Comma-separated values: RFC 4180, where a cell in quotes may hold separators, line breaks and doubled quotes.</summary>
internal static class CsvRecord
{
    /// <summary>Whether the text ends inside quotes, so that the record goes on in the next line.</summary>
    public static bool IsOpen(string text) => text.AsSpan().Count('"') % 2 == 1;

    /// <summary>The cells of one record.</summary>
    /// <exception cref="RequestException">Quotes are not as they must be.</exception>
    public static List<string> Split(string record, char separator)
    {
        var cells = new List<string>();
        var cell = new StringBuilder();
        for (var at = 0; ; at++)
        {
            if (at < record.Length && record[at] == '"' && cell.Length == 0)
            {
                at = ReadQuoted(record, at, cell);
                if (at < record.Length && record[at] != separator)
                {
                    throw new RequestException("a quote in a cell must be doubled, and the whole cell be in quotes.");
                }
            }

            if (at >= record.Length || record[at] == separator)
            {
                cells.Add(cell.ToString());
                cell.Clear();
                if (at >= record.Length)
                {
                    return cells;
                }
            }
            else
            {
                cell.Append(record[at]);
            }
        }
    }

    private static int ReadQuoted(string record, int at, StringBuilder cell)
    {
        while (++at < record.Length)
        {
            if (record[at] != '"')
            {
                cell.Append(record[at]);
            }
            else if (at + 1 < record.Length && record[at + 1] == '"')
            {
                cell.Append('"');
                at++;
            }
            else
            {
                return at + 1;
            }
        }

        throw new RequestException("a quote is opened and not closed.");
    }
}
