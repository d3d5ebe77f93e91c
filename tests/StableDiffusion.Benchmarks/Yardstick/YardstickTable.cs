using System.Globalization;
using System.Text;

namespace StableDiffusion.Benchmarks;

/// <summary>The runs of all contestants as a Markdown table: medians, and their ratios to the first contestant's.</summary>
internal static class YardstickTable
{
    public static string Of(IReadOnlyList<(string Name, IReadOnlyList<Run> Runs)> contestants, int steps)
    {
        var text = new StringBuilder("| | load, s | a step, s | from – to | decode, s | whole, s | peak, GB | step | whole | peak |\n| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |\n");
        double Step(Run run) => run.Stages.Denoise / steps;
        var first = contestants[0].Runs;
        foreach (var (name, runs) in contestants)
        {
            string Ratio(Func<Run, double> figure) => string.Create(CultureInfo.InvariantCulture, $"{Median(runs, figure) / Median(first, figure):0.00}");
            text.Append(
                CultureInfo.InvariantCulture,
                $"| {name} | {Median(runs, run => run.Stages.Load):0.00} | {Median(runs, Step):0.000} | {runs.Min(Step):0.000} – {runs.Max(Step):0.000} | {Median(runs, run => run.Stages.Decode):0.00} | {Median(runs, run => run.Whole):0.00} | {Median(runs, run => run.PeakBytes) / 1e9:0.00} | {Ratio(Step)} | {Ratio(run => run.Whole)} | {Ratio(run => run.PeakBytes)} |\n");
        }

        return text.ToString();
    }

    private static double Median(IReadOnlyList<Run> runs, Func<Run, double> figure)
    {
        var sorted = runs.Select(figure).Order().ToList();
        return (sorted[(sorted.Count - 1) / 2] + sorted[sorted.Count / 2]) / 2;
    }
}
