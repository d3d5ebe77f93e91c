using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace StableDiffusion.Cli;

/// <summary>Turns lines into jobs: defaults filled in, groups and seeds expanded, numbered.</summary>
internal sealed class JobSource(FieldTable table, LineFields defaults)
{
    private long _nextIndex;

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
            given[field] = values.Count > 0 || table.IsList(field)
                ? [.. values.Select(value => table.Normal(field, value))]
                : throw new RequestException($"{field} is an empty list; give it a value, or leave it out for the default.");
        }

        var seeds = given.GetValueOrDefault(FieldTable.Seed) ?? [Seeds.Drawn];
        var (count, size, index) = (Only(given, FieldTable.BatchCount), Only(given, FieldTable.BatchSize), Only(given, FieldTable.Index));
        var names = table.Names
            .Where(name => name is not (FieldTable.Seed or FieldTable.BatchCount or FieldTable.BatchSize) && given.ContainsKey(name)).ToList();
        if (index is not null)
        {
            _nextIndex = int.TryParse(index, NumberStyles.None, CultureInfo.InvariantCulture, out var number)
                ? number
                : throw new RequestException($"index {OneLine.Quote(index)} is not a whole number from 0 to {int.MaxValue}.");
        }

        foreach (var fields in Combinations(given, names, 0))
        {
            var pictures = Count(FieldTable.BatchCount, count ?? "1") * Count(FieldTable.BatchSize, size ?? "1");
            var counted = pictures == 1 || VariationOf(fields) is null ? FieldTable.Seed : FieldTable.VariationSeed;
            foreach (var (seed, idSeed) in SeedsOf(seeds, counted == FieldTable.Seed ? pictures : 1, nameof(ImageRequest.Seeds)))
            {
                var others = counted == FieldTable.Seed ? [(seed, idSeed)] : SeedsOf([VariationOf(fields)!], pictures, nameof(ImageRequest.VariationSeed));
                foreach (var (other, idOther) in others)
                {
                    var job = new LineFields(fields) { [FieldTable.Seed] = [idSeed], [counted] = [idOther] };
                    var id = IdOf(job);
                    (job[FieldTable.Seed], job[counted]) = ([seed], [other]);
                    var drawn = new HashSet<string>();
                    if (seed != idSeed)
                    {
                        drawn.Add(FieldTable.Seed);
                    }

                    if (other != idOther)
                    {
                        drawn.Add(counted);
                    }

                    if (counted == FieldTable.Seed && VariationOf(fields)?.Trim() == Seeds.Drawn)
                    {
                        job[FieldTable.VariationSeed] = [Seeds.Text(Seeds.Draw())];
                        drawn.Add(FieldTable.VariationSeed);
                    }

                    yield return new BatchJob(line.Number, NextIndex(), id, job) { Drawn = drawn };
                }
            }
        }
    }

    /// <summary>The one value of a field that is not to be painted in several ways; null where it is not given.</summary>
    private static string? Only(LineFields fields, string field) =>
        !fields.TryGetValue(field, out var values) ? null
        : values.Count == 1 ? values[0]
        : throw new RequestException($"{field} has {values.Count} values; give one.");

    private int NextIndex() => _nextIndex <= int.MaxValue
        ? (int)_nextIndex++
        : throw new RequestException($"its number would be above {int.MaxValue}; give a smaller index before.");

    /// <summary>Every choice of alternatives, the last field turning fastest.</summary>
    private IEnumerable<LineFields> Combinations(LineFields given, List<string> names, int first)
    {
        if (first == names.Count)
        {
            return [[]];
        }

        var name = names[first];
        var choices = table.IsList(name) ? Lists(given[name], 0) : given[name].SelectMany(PromptExpansion.Expand).Select(text => (IReadOnlyList<string>)[text]);
        return choices.SelectMany(choice => Combinations(given, names, first + 1).Select(rest =>
        {
            rest[name] = choice;
            return rest;
        }));
    }

    /// <summary>Every list that a list of templates stands for, the last one's groups turning fastest.</summary>
    private static IEnumerable<IReadOnlyList<string>> Lists(IReadOnlyList<string> templates, int first) => first == templates.Count
        ? [[]]
        : PromptExpansion.Expand(templates[first]).SelectMany(head => Lists(templates, first + 1).Select(tail => (IReadOnlyList<string>)[head, .. tail]));

    /// <summary>The second seed of a line that mixes its noise in; null where none is. It counts up then, and the seed stays, as in the webui.</summary>
    private static string? VariationOf(LineFields fields) =>
        fields.TryGetValue(FieldTable.VariationStrength, out var strength)
        && !(double.TryParse(strength[0], NumberStyles.Float, CultureInfo.InvariantCulture, out var number) && number == 0)
            ? fields.GetValueOrDefault(FieldTable.VariationSeed)?[0] ?? Seeds.Drawn
            : null;

    /// <summary>All seeds, and for each what identifies it: itself, or its place among those that are drawn.</summary>
    private static IEnumerable<(string Seed, string IdSeed)> SeedsOf(IReadOnlyList<string> seeds, int count, string property)
    {
        var drawn = 0;
        foreach (var entry in seeds.SelectMany(PromptExpansion.Expand).SelectMany(text => text.Split(',')))
        {
            var isDrawn = entry.Trim() == Seeds.Drawn;
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
