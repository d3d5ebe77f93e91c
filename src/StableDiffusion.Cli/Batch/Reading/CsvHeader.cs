using System.Globalization;

namespace StableDiffusion.Cli;

/// <summary>The first line of a CSV file: which column is which option.</summary>
internal sealed class CsvHeader
{
    private const string Unnamed = "";
    private const string LeftOut = "-";

    private static readonly char[] _separators = [',', ';', '\t'];

    private readonly IReadOnlyList<string> _names;
    private readonly IReadOnlyList<string> _fields;

    private CsvHeader(IReadOnlyList<string> names, IReadOnlyList<string> fields, char separator)
    {
        (_names, _fields) = (names, fields);
        Separator = separator;
    }

    public char Separator { get; }

    /// <summary>Columns.</summary>
    public int Count => _fields.Count;

    /// <summary>The separator that a line <c>sep=;</c> names, as spreadsheets write it above the header.</summary>
    public static char? SeparatorOf(string line) =>
        line.Trim() is ['s' or 'S', 'e' or 'E', 'p' or 'P', '=', var separator] ? separator
        : line.StartsWith("sep=\t", StringComparison.OrdinalIgnoreCase) ? '\t'
        : null;

    /// <summary>Reads a header: names that are all known, or several of which one is <c>prompt</c>. Null where the line is none.</summary>
    /// <param name="line">The line.</param>
    /// <param name="table">What names there are.</param>
    /// <param name="at">Where the line stands, for messages.</param>
    /// <param name="declared">The separator, where the file names it.</param>
    /// <param name="note">Told which columns are left out.</param>
    /// <exception cref="RequestException">It is a header with a column that is no option, or with one twice.</exception>
    public static CsvHeader? Read(string line, FieldTable table, string at, char? declared, Action<string> note)
    {
        foreach (var separator in declared is { } one ? [one] : _separators)
        {
            if (Cells(line, separator) is { } cells && ResultJson.SkippedOf(cells) is var skipped && IsHeader(cells, skipped, table))
            {
                cells.Where(FieldTable.IsForeign).ToList().ForEach(cell => FieldTable.LeaveOut(cell, "", note));
                return new CsvHeader(cells, [.. cells.Select((cell, i) => FieldOf(cell, i, skipped, table, at))], separator).WithoutTwins(at);
            }
        }

        return null;
    }

    /// <summary>The fields of a record.</summary>
    /// <exception cref="RequestException">It has more cells than the header, or text in a column without a name.</exception>
    public LineFields Fields(List<string> cells)
    {
        if (cells.FindLastIndex(cell => cell.Length > 0) >= _fields.Count)
        {
            throw new RequestException($"it has {cells.Count} cells, but the header {_fields.Count}; put a cell with separators in quotes.");
        }

        var fields = new LineFields();
        for (var i = 0; i < Math.Min(cells.Count, _fields.Count); i++)
        {
            var (field, cell) = (_fields[i], cells[i]);

            // The first column of a table often counts its rows, without a name.
            if (field == Unnamed && cell.Trim().Length > 0 && !(i == 0 && long.TryParse(cell, CultureInfo.InvariantCulture, out _)))
            {
                throw new RequestException($"column {i + 1} has no name in the header, but holds {OneLine.Quote(Short(cell))}; name it, or empty it.");
            }

            if (field == LeftOut)
            {
                FieldTable.LeaveOut(_names[i], cell, _ => { });
            }
            else if (field != Unnamed && cell.Length > 0)
            {
                fields[field] = [cell];
            }
        }

        return fields;
    }

    private static List<string>? Cells(string line, char separator)
    {
        try
        {
            return [.. CsvRecord.Split(line, separator).Select(cell => cell.Trim())];
        }
        catch (RequestException)
        {
            return null;
        }
    }

    private static bool IsHeader(List<string> cells, IReadOnlySet<string> skipped, FieldTable table)
    {
        bool IsKnown(string cell) => skipped.Contains(cell) || (cell.Length > 1 && table.TryNameOf(cell, out _)) || FieldTable.IsForeign(cell);
        bool IsPrompt(string cell) => table.TryNameOf(cell, out var field) && field == FieldTable.Prompt;
        var named = cells.Where(cell => cell.Length > 0).ToList();
        return named.Count > 0
            && (named.TrueForAll(IsKnown) ? cells.Count > 1 || IsPrompt(cells[0]) : cells.Count > 1 && named.Exists(IsPrompt));
    }

    private static string FieldOf(string cell, int index, IReadOnlySet<string> skipped, FieldTable table, string at) =>
        cell.Length == 0 ? Unnamed
        : skipped.Contains(cell) || FieldTable.IsForeign(cell) ? LeftOut
        : table.TryNameOf(cell, out var field) ? field
        : throw new RequestException(
            FieldTable.IsOfProgram(cell)
                ? $"{at}, column {index + 1}: {OneLine.Quote(cell)} is the same for all lines; take the column out, and give it to the command."
                : $"{at}, column {index + 1}: there is no option {OneLine.Quote(Short(cell))}; rename the column (see batch --help for the names) or take it out.");

    private static string Short(string cell) => cell.Length > 40 ? cell[..40] + "…" : cell;

    private CsvHeader WithoutTwins(string at) =>
        _fields.Where(field => field is not (Unnamed or LeftOut)).GroupBy(field => field).FirstOrDefault(group => group.Count() > 1) is { Key: var twin }
            ? throw new RequestException($"{at}: the header has two columns for {twin}.")
            : this;
}
