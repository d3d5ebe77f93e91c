using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace StableDiffusion.Tests;

/// <summary>
/// Every trajectory of schedulers.json, written by diffusers 0.39 (see the goldens' README for the stand-in of the network).
/// The tolerance is absolute up to latents of 100 and grows with them above: float32 cannot hold it there.
/// </summary>
public class SchedulerTrajectoryTests
{
    private static readonly Lazy<JsonElement[]> _rows = new(() =>
    {
        using var document = JsonDocument.Parse(File.ReadAllText(Goldens.PathOf("schedulers.json")));
        return [.. document.RootElement.EnumerateArray().Select(row => row.Clone())];
    });

    public static IEnumerable<TheoryDataRow<int>> Rows() =>
        _rows.Value.Select((row, index) => new TheoryDataRow<int>(index) { TestDisplayName = Title(row, index) });

    [Theory]
    [MemberData(nameof(Rows), DisableDiscoveryEnumeration = false)]
    public void The_trajectory_is_that_of_diffusers(int index)
    {
        var row = _rows.Value[index];
        var config = Config(row);
        var strength = row.GetProperty("strength");
        var run = new SchedulerRun
        {
            Steps = row.GetProperty("steps").GetInt32(),
            Strength = strength.ValueKind == JsonValueKind.Null ? 1 : strength.GetDouble(),
        };
        var scheduler = SchedulerTable.Create(config, null, run);
        var tolerance = config.Flag("clip_sample") ? 1e-2f : 1e-3f;

        Assert.Equal(row.GetProperty("calls").GetInt32(), scheduler.Timesteps.Count);
        Close(Floats(row.GetProperty("timesteps")), [.. scheduler.Timesteps], 2e-3f, "timesteps");
        Close([row.GetProperty("init_noise_sigma").GetSingle()], [scheduler.InitialNoiseSigma], 1e-3f, "init_noise_sigma");

        var noise = new TorchRandom(row.GetProperty("seed").GetUInt64());
        var latents = new float[64];
        noise.Draw(latents);
        if (run.Strength < 1)
        {
            noise.Draw(latents);
            float[] clean = [.. Enumerable.Range(0, 64).Select(i => MathF.Sin(i))];
            scheduler.AddNoise(0, clean, latents, latents);
        }
        else
        {
            var sigma = scheduler.InitialNoiseSigma;
            latents = [.. latents.Select(value => value * sigma)];
        }

        Close(Floats(row.GetProperty("start")), latents, tolerance, "start");
        var largest = 0f;
        var input = new float[64];
        var firstInputs = row.GetProperty("first_inputs").EnumerateArray().Select(Floats).ToArray();
        for (var call = 0; call < scheduler.Timesteps.Count; call++)
        {
            scheduler.ScaleInput(call, latents, input);
            if (call < firstInputs.Length)
            {
                Close(firstInputs[call], input[..firstInputs[call].Length], tolerance, $"input of call {call}");
            }

            var k = call;
            float[] output = [.. input.Select((x, i) => (MathF.Sin((1.7f * x) + (0.3f * k)) * 0.8f) + (0.1f * MathF.Cos(i)))];
            scheduler.Step(call, output, latents, noise);
            if (row.GetProperty("latents").TryGetProperty(call.ToString(CultureInfo.InvariantCulture), out var expected))
            {
                largest = MathF.Max(largest, Close(Floats(expected), latents, tolerance, $"latents after call {call}"));
            }
        }

        TestContext.Current.TestOutputHelper?.WriteLine($"MEASURED {row.GetProperty("scheduler").GetString()} {largest:g3}");
        if (Environment.GetEnvironmentVariable("MEASURE") is { } file)
        {
            lock (_rows)
            {
                File.AppendAllText(file, $"{row.GetProperty("scheduler").GetString()} {largest:g3} {Title(row, index)}\n");
            }
        }
    }

    private static SchedulerConfig Config(JsonElement row)
    {
        var config = JsonNode.Parse(row.GetProperty("config").GetRawText())!.AsObject();
        config["_class_name"] = row.GetProperty("diffusers").GetString();
        return SchedulerConfig.Parse(JsonSerializer.SerializeToElement(config));
    }

    private static float[] Floats(JsonElement array) => [.. array.EnumerateArray().Select(value => value.GetSingle())];

    private static float Close(float[] expected, float[] actual, float tolerance, string what)
    {
        Assert.Equal(expected.Length, actual.Length);
        var largest = expected.Zip(actual, (e, a) => MathF.Abs(e - a)).Max();
        var scale = MathF.Max(1, expected.Max(MathF.Abs) / 100);
        Assert.True(largest <= tolerance * scale, $"{what} differ by {largest}: {string.Join(' ', expected.Take(6))} | {string.Join(' ', actual.Take(6))}");
        return largest;
    }

    private static string Title(JsonElement row, int index)
    {
        string[] usual =
        [
            "num_train_timesteps=1000", "beta_start=0.00085", "beta_end=0.012", "beta_schedule=scaled_linear", "clip_sample=false",
            "set_alpha_to_one=false", "steps_offset=1", "skip_prk_steps=true",
        ];
        var settings = row.GetProperty("config").EnumerateObject().Select(property => $"{property.Name}={property.Value}")
            .Select(setting => setting.Replace("True", "true", StringComparison.Ordinal).Replace("False", "false", StringComparison.Ordinal))
            .Except(usual);
        var strength = row.GetProperty("strength") is { ValueKind: not JsonValueKind.Null } value ? $" strength {value}" : "";
        return $"{index:000} {row.GetProperty("scheduler")} {row.GetProperty("steps")} steps{strength} {string.Join(' ', settings)}".TrimEnd();
    }
}
