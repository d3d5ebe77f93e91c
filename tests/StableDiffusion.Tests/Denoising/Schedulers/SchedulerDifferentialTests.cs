using System.Text.Json;

namespace StableDiffusion.Tests;

/// <summary>
/// Random configurations, run by diffusers 0.39 itself with a network and a noise source that any program can repeat (see the goldens' README):
/// all settings of all schedulers are held to its numbers.
/// </summary>
public class SchedulerDifferentialTests
{
    private const int Size = 64;

    private static readonly Lazy<JsonElement[]> _rows = new(() =>
    {
        using var document = JsonDocument.Parse(File.ReadAllText(Goldens.FileOrOwn("schedulers-differential.json")));
        return [.. document.RootElement.EnumerateArray().Select(row => row.Clone())];
    });

    public static IEnumerable<TheoryDataRow<int>> Rows() => _rows.Value.Select((row, index) =>
        new TheoryDataRow<int>(index) { TestDisplayName = $"{index:000} {row.GetProperty("config").GetProperty("_class_name")} {row.GetProperty("steps")} steps" });

    [Theory]
    [MemberData(nameof(Rows), DisableDiscoveryEnumeration = false)]
    public void A_run_of_any_settings_is_that_of_diffusers(int index)
    {
        var row = _rows.Value[index];
        var isFlow = row.GetProperty("config").GetProperty("_class_name").GetString() == "FlowMatchEulerDiscreteScheduler";
        if (!isFlow && (int)(row.GetProperty("steps").GetInt32() * row.GetProperty("strength").GetDouble()) == 0)
        {
            // diffusers' pipelines raise, too, where a strength leaves no steps.
            Assert.Contains("leaves none of", Assert.Throws<RequestException>(() => Run(row, nudge: 0)).Message, StringComparison.Ordinal);
            return;
        }

        var (times, sample) = Run(row, nudge: 0);
        var (_, nudged) = Run(row, nudge: 1);

        Times(row, times);
        float[] expected = [.. row.GetProperty("sample").EnumerateArray().Select(value => value.GetSingle())];
        var scale = Math.Max(1, expected.Max(MathF.Abs));

        // What one last bit of the start moves, no float32 program holds more closely; where a quantile is divided by, bits weigh more.
        var relative = row.GetProperty("config").TryGetProperty("thresholding", out _) ? 5e-3f : 2e-3f;
        var moved = sample.Zip(nudged, (a, b) => MathF.Abs(a - b)).Max();
        var largest = expected.Zip(sample, (a, b) => MathF.Abs(a - b)).Max();
        Assert.True(
            largest <= (relative * scale) + (64 * moved),
            $"row {index} ends {largest} away, of {scale}; one bit moves it by {moved}: {row.GetProperty("config").GetRawText()}");
    }

    [Fact]
    public void Every_class_and_every_rule_has_its_rows()
    {
        var configs = _rows.Value.Select(row => row.GetProperty("config")).ToList();
        var classes = configs.Select(config => config.GetProperty("_class_name").GetString()).Distinct();

        // iPNDM has no settings.
        Assert.Equal(SchedulerParameters.ByClass.Keys.Except(["IPNDMScheduler"]).Order(), classes.Order());
        Assert.All(SigmaSpacing.Rules.Append("use_lu_lambdas").Append("use_flow_sigmas"), rule => Assert.Contains(configs, config => config.TryGetProperty(rule, out _)));
    }

    private static (IReadOnlyList<float> Times, float[] Sample) Run(JsonElement row, int nudge)
    {
        var config = SchedulerConfig.Parse(row.GetProperty("config"));
        var run = new SchedulerRun
        {
            Steps = row.GetProperty("steps").GetInt32(),
            Strength = row.GetProperty("strength").GetDouble(),
            Eta = row.TryGetProperty("eta", out var eta) ? eta.GetDouble() : null,
            Mu = row.TryGetProperty("mu", out var mu) ? mu.GetDouble() : null,
        };
        var scheduler = SchedulerTable.Create(config, null, run);
        var isFlow = config.ClassName == "FlowMatchEulerDiscreteScheduler";
        float[] x = [.. Enumerable.Range(0, Size).Select(i => (float)Math.Sin(0.37 * i * i))];
        if (run.Strength < 1)
        {
            float[] clean = [.. Enumerable.Range(0, Size).Select(i => (float)Math.Sin(i))];
            scheduler.AddNoise(0, clean, x, x);
        }
        else if (!isFlow)
        {
            x = [.. x.Select(value => value * scheduler.InitialNoiseSigma)];
        }

        x = nudge > 0 ? [.. x.Select(MathF.BitIncrement)] : x;
        var noise = new CosineNoise();
        var input = new float[Size];
        for (var call = 0; call < scheduler.Timesteps.Count; call++)
        {
            var k = call;
            scheduler.ScaleInput(call, x, input);
            float[] output = [.. input.Select((y, i) => (float)(Math.Sin((double)y + k) + (0.01 * i)))];
            scheduler.Step(call, output, x, noise);
        }

        return (scheduler.Timesteps, x);
    }

    /// <summary>
    /// Levels by a rule, and those between two of DPM2, are turned back into time steps by logarithms. Where 1 − ᾱ of the lowest level is a few last bits of 1, one of them
    /// moves these by up to a fifth of a step, and a time step that is then cut to a whole one may be the one beside.
    /// </summary>
    private static void Times(JsonElement row, IReadOnlyList<float> actual)
    {
        float[] expected = [.. row.GetProperty("timesteps").EnumerateArray().Select(time => time.GetSingle())];
        Assert.Equal(expected.Length, actual.Count);
        var config = row.GetProperty("config");
        var between = config.GetProperty("_class_name").GetString()!.StartsWith("KDPM2", StringComparison.Ordinal);
        var byRule = SigmaSpacing.Rules.Append("use_lu_lambdas").Any(rule => config.TryGetProperty(rule, out _));
        var apart = expected.Zip(actual, (a, b) => MathF.Abs(a - b)).Where(difference => difference > (byRule ? 0.25f : between ? 0.02f : 2e-3f)).ToList();
        Assert.True(apart.Count <= (byRule ? 2 : 0), $"time steps {string.Join(' ', actual)} are not {string.Join(' ', expected)}");
        Assert.All(apart, difference => Assert.InRange(difference, 0, 1.001f));
    }

    private sealed class CosineNoise : INoiseSource
    {
        private int _draws;

        public void Draw(Span<float> noise)
        {
            _draws++;
            for (var i = 0; i < noise.Length; i++)
            {
                noise[i] = (float)Math.Cos((0.7 * i) + (1.3 * _draws));
            }
        }
    }
}
