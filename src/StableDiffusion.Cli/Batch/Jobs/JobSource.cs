using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace StableDiffusion.Cli;

/// <summary>Turns lines into jobs: defaults filled in, groups and seeds expanded, numbered.</summary>
internal sealed class JobSource(FieldTable table, LineFields defaults)
{
    private int _nextIndex;

    /// <summary>The jobs of all lines, in order and one at a time; a bad line takes one number.</summary>
    public IEnumerable<BatchEntry> Jobs(IEnumerable<BatchLine> lines)
    {
        foreach (var line in lines)
        {
            if (line.Error is not null)
            {
                _nextIndex++;
                yield return new BatchEntry(line.Number, null, line.Error);
                continue;
            }

            using var jobs = Expand(line).GetEnumerator();
            while (Next(jobs, line.Number) is { } entry)
            {
                yield return entry;
                if (entry.Job is null)
                {
                    _nextIndex++;
                    break;
                }
            }
        }
    }

    private static BatchEntry? Next(IEnumerator<BatchJob> jobs, int line)
    {
        try
        {
            return jobs.MoveNext() ? new BatchEntry(line, jobs.Current) : null;
        }
        catch (RequestException error)
        {
            return new BatchEntry(line, null, OptionNames.MessageForLine(error));
        }
    }

    private IEnumerable<BatchJob> Expand(BatchLine line)
    {
        var given = new LineFields();
        foreach (var (field, values) in defaults.Concat(line.Fields))
        {
            given[field] = [.. values.Select(value => table.Normal(field, value))];
        }

        var seeds = given.GetValueOrDefault(FieldTable.Seed) ?? ["-1"];
        var count = given.GetValueOrDefault(FieldTable.BatchCount) ?? ["1"];
        var size = given.GetValueOrDefault(FieldTable.BatchSize) ?? ["1"];
        var names = table.Names
            .Where(name => name is not (FieldTable.Seed or FieldTable.BatchCount or FieldTable.BatchSize) && given.ContainsKey(name)).ToList();
        if (given.TryGetValue(FieldTable.Index, out var index))
        {
            _nextIndex = int.TryParse(index[0], NumberStyles.None, CultureInfo.InvariantCulture, out var number)
                ? number
                : throw new RequestException($"index {OneLine.Quote(index[0])} is not a whole number from 0.");
        }

        foreach (var fields in Combinations(given, names, 0))
        {
            var pictures = Count(FieldTable.BatchCount, count[0]) * Count(FieldTable.BatchSize, size[0]);
            var counted = pictures == 1 || VariationOf(fields) is null ? FieldTable.Seed : FieldTable.VariationSeed;
            foreach (var (seed, idSeed) in SeedsOf(seeds, counted == FieldTable.Seed ? pictures : 1, nameof(ImageRequest.Seeds)))
            {
                var others = counted == FieldTable.Seed ? [(seed, idSeed)] : SeedsOf([VariationOf(fields)!], pictures, nameof(ImageRequest.VariationSeed));
                foreach (var (other, idOther) in others)
                {
                    var job = new LineFields(fields) { [FieldTable.Seed] = [idSeed], [counted] = [idOther] };
                    var id = IdOf(job);
                    (job[FieldTable.Seed], job[counted]) = ([seed], [other]);
                    yield return new BatchJob(line.Number, _nextIndex++, id, job);
                }
            }
        }
    }

    /// <summary>Every choice of alternatives, the last field turning fastest.</summary>
    private IEnumerable<LineFields> Combinations(LineFields given, List<string> names, int first)
    {
        if (first == names.Count)
        {
            return [[]];
        }

        var name = names[first];
        var choices = table.IsList(name) ? [given[name]] : given[name].SelectMany(PromptExpansion.Expand).Select(text => (IReadOnlyList<string>)[text]);
        return choices.SelectMany(choice => Combinations(given, names, first + 1).Select(rest =>
        {
            rest[name] = choice;
            return rest;
        }));
    }

    /// <summary>The second seed of a line that mixes its noise in; null where none is. It counts up then, and the seed stays, as in the webui.</summary>
    private static string? VariationOf(LineFields fields) =>
        fields.TryGetValue(FieldTable.VariationStrength, out var strength)
        && !(double.TryParse(strength[0], NumberStyles.Float, CultureInfo.InvariantCulture, out var number) && number == 0)
            ? fields.GetValueOrDefault(FieldTable.VariationSeed)?[0] ?? "-1"
            : null;

    /// <summary>All seeds, and for each what identifies it: itself, or its place among those that are drawn.</summary>
    private static IEnumerable<(string Seed, string IdSeed)> SeedsOf(IReadOnlyList<string> seeds, int count, string property)
    {
        var drawn = 0;
        foreach (var entry in seeds.SelectMany(PromptExpansion.Expand).SelectMany(text => text.Split(',')))
        {
            var isDrawn = entry.Trim() == "-1";
            foreach (var seed in Seeds.Expand(entry, count, property))
            {
                var text = Seeds.Text(seed);
                yield return (text, isDrawn ? $"-1#{drawn++}" : text);
            }
        }
    }

    private static int Count(string field, string text) =>
        Numbers.TryWhole(text, out var number) && number is >= 1 and <= 10_000
            ? number
            : throw new RequestException($"{field} {OneLine.Quote(text)} must be a whole number from 1 to 10000.");

    private string IdOf(LineFields fields)
    {
        var text = new StringBuilder();
        foreach (var name in table.Names)
        {
            if (name is not (FieldTable.Index or FieldTable.Output) && fields.TryGetValue(name, out var values))
            {
                foreach (var value in values)
                {
                    text.Append(name).Append('=').Append(value).Append('\0');
                }
            }
        }

        return Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text.ToString())).AsSpan(0, 8));
    }
}
