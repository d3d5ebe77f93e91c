using System.Collections.Concurrent;
using System.Globalization;
using System.Text;

[assembly: AssemblyFixture(typeof(StableDiffusion.Tests.ParityTable))]

namespace StableDiffusion.Tests;

/// <summary>
/// Collects the differences that the golden tests measure. Where STABLEDIFFUSION_PARITY_TABLE names a file, they are written there as the tables of
/// README.md (tests/parity-table.sh).
/// </summary>
public sealed class ParityTable : IDisposable
{
    private static readonly ConcurrentBag<(string Row, string Column, double Latents, int Levels)> _measured = [];

    /// <summary>One case: what it is (a scheduler, an export), which model, and how far it is from the reference.</summary>
    public static void Record(string row, string column, double latents, int levels) => _measured.Add((row, column, latents, levels));

    public void Dispose()
    {
        if (Environment.GetEnvironmentVariable("STABLEDIFFUSION_PARITY_TABLE") is { Length: > 0 } path)
        {
            File.WriteAllText(path, ToMarkdown());
        }
    }

    private static string ToMarkdown()
    {
        string[] models = ["sd1", "sd2", "sdxl", "turbo", "lcm", "inpaint", "sd3", "sd3-no-t5", "flux-dev", "flux-schnell", "dit", "ldm-bert", "ldm-uncond"];
        var table = new StringBuilder("\nLatents / 8-bit levels, by scheduler and model:\n\n| | ")
            .AppendJoin(" | ", models)
            .Append(" |\n| --- |")
            .AppendJoin("", models.Select(_ => " --- |"))
            .Append('\n');
        foreach (var scheduler in SchedulerTable.Entries.Select(entry => entry.WebUiName).Where(name => Rows(models).Contains(name)))
        {
            table.Append("| ").Append(scheduler).Append(" | ").AppendJoin(" | ", models.Select(model => Cell(scheduler, model))).Append(" |\n");
        }

        table.Append("\nLatents / 8-bit levels, by what else was compared:\n\n| | cases | difference |\n| --- | --- | --- |\n");
        foreach (var row in _measured.Where(one => !models.Contains(one.Column)).GroupBy(one => one.Column).OrderBy(group => group.Key, StringComparer.Ordinal))
        {
            table.Append(CultureInfo.InvariantCulture, $"| {row.Key} | {row.Count()} | {Text(row.Max(one => one.Latents), row.Max(one => one.Levels))} |\n");
        }

        return table.Append('\n').ToString();
    }

    private static HashSet<string> Rows(string[] models) => [.. _measured.Where(one => models.Contains(one.Column)).Select(one => one.Row)];

    private static string Cell(string row, string column)
    {
        var cases = _measured.Where(one => (one.Row, one.Column) == (row, column)).ToList();
        return cases.Count == 0 ? "" : Text(cases.Max(one => one.Latents), cases.Max(one => one.Levels));
    }

    private static string Text(double latents, int levels) =>
        latents.ToString("0e-0", CultureInfo.InvariantCulture) + (levels < 0 ? "" : string.Create(CultureInfo.InvariantCulture, $" / {levels}"));
}
