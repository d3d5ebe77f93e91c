using System.CommandLine;
using System.Globalization;
using System.Text;
using System.Text.Json.Nodes;

namespace StableDiffusion.Cli;

/// <summary><c>optimize</c>: writes a model anew, quicker or smaller, and says what that gains and costs.</summary>
internal static class OptimizeCommand
{
    public static Command Create()
    {
        var program = new ProgramOptions();
        var model = new Argument<string>("model") { Description = "Folder, OWNER/NAME of a cached model, or short name." };
        var output = new Option<string>("--output", "-o") { Description = "The new model's folder; it must be empty or not there.", HelpName = "folder", Required = true };
        var precision = new Option<string>("--precision")
        {
            Description =
                "full: weights as they are; fp16: kept as float16 and computed in float32; w8: linear layers with 8 bits a weight; "
                + "int8: the U-Net and the decoder's convolutions computed with 8 bits, which is the quickest on a CPU.",
            HelpName = "full|fp16|w8|int8",
            DefaultValueFactory = _ => "full",
        };
        var steps = new Option<int>("--steps") { Description = "Denoising steps of the pictures that are compared.", HelpName = "n", DefaultValueFactory = _ => 4 };
        var seeds = new Option<int>("--seeds") { Description = "How many seeds to compare, from 1; 0 compares nothing.", HelpName = "n", DefaultValueFactory = _ => 5 };
        var prompt = new Option<string?>("--prompt", "-p") { Description = "What to paint for it. [default: a red apple, or class 0]", HelpName = "text" };
        var calibration = new Option<string?>("--calibration-prompts")
        {
            Description = "Prompts, one a line, that are painted for int8 to see what goes through the networks. [default: eight of many kinds]",
            HelpName = "file",
        };
        var json = new Option<bool>("--json") { Description = "Print one JSON object." };
        var command = new Command(
            "optimize",
            """
            Writes a model anew with fused attention and, if asked, smaller weights, for -m like any other; then paints with both and prints sizes, seconds
            to load and for a step, and the differences of latents and pictures. "Before" is the model as exported. Example:
              sd optimize models/emoji-256 -o models/emoji-w8 --precision w8
            """)
        {
            model, output, precision, calibration, steps, seeds, prompt, program.Variant, json,
        };
        foreach (var option in program.Running)
        {
            command.Add(option);
        }

        command.SetAction(parsed =>
        {
            var count = parsed.GetValue(seeds);
            if (count is < 0 or > 1000)
            {
                throw new RequestException($"{seeds.Name} {count} must be from 0 to 1000.");
            }

            var request = new ImageRequest
            {
                Prompt = parsed.GetValue(prompt) ?? "",
                Steps = parsed.GetValue(steps),
                Seeds = [.. Enumerable.Range(1, count).Select(seed => (long)seed)],
            };
            var weights = WeightsOf(parsed.GetValue(precision)!);
            var prompts = parsed.GetValue(calibration) is not { } file ? Calibration.Prompts
                : weights == OptimizedWeights.Integer ? PromptsOf(file)
                : throw new RequestException($"{calibration.Name} is for --precision int8; leave it out.");
            var asked = new Asked(ProgramOptions.ModelPath(parsed.GetValue(model)), parsed.GetValue(output)!, weights, prompts, request, parsed.GetValue(json));
            return Run(parsed, program, asked);
        });
        return command;
    }

    private static OptimizedWeights WeightsOf(string precision) => precision switch
    {
        "full" => OptimizedWeights.Full,
        "fp16" => OptimizedWeights.Half,
        "w8" => OptimizedWeights.EightBit,
        "int8" => OptimizedWeights.Integer,
        var other => throw new RequestException($"--precision {OneLine.Quote(other)} is not known; give full, fp16, w8 or int8."),
    };

    private static List<string> PromptsOf(string file)
    {
        try
        {
            var text = new UTF8Encoding(false, throwOnInvalidBytes: true).GetString(InputFile.ReadAllBytes(file, "file of prompts", 1 << 20));
            var lines = text.TrimStart('\uFEFF').Split('\n').Select(line => line.Trim()).Where(line => line.Length > 0).ToList();
            return lines.Count > 0 ? lines : throw new RequestException($"{OneLine.Quote(file)} holds no prompt; write one a line.");
        }
        catch (DecoderFallbackException error)
        {
            throw new RequestException($"{OneLine.Quote(file)} is not UTF-8 text; save it as UTF-8.", error);
        }
    }

    private static int Run(ParseResult parsed, ProgramOptions program, Asked asked)
    {
        var (path, output, weights, prompts, request, asJson) = asked;
        var log = program.Log(parsed);
        using var interruption = new Interruption();
        try
        {
            OptimizedModel.RequireFree(output);
            var options = program.Options(parsed, log);
            using var before = request.Seeds.Count == 0 ? null : TextToImagePipeline.Load(path, options with { FuseAttention = false });
            var folder = before?.Folder ?? ModelFolder.Open(path, options.Variant);
            request = PlainRequest.For(request, folder);
            if (before is not null)
            {
                _ = before.Generate(request); // refuses what cannot be painted before anything is written
            }

            var seen = weights == OptimizedWeights.Integer ? Calibrate(folder, options, prompts, request, log, interruption.Token) : null;
            using var written = OptimizedModel.Write(folder, output, weights, part => log.Info($"writing {part}"), interruption.Token, seen);
            Comparison? comparison = null;
            if (before is not null)
            {
                log.Info("painting with both");
                comparison = Compare(before, written.Place, options with { Variant = null }, request, interruption.Token);
            }
            else
            {
                _ = ModelFolder.Open(written.Place);
            }

            written.Publish();
            if (asJson)
            {
                Console.Out.WriteLine(ResultJson.ToText(ToJson(output, written.Networks, comparison)));
            }
            else
            {
                Print(output, written.Networks, comparison);
            }

            return ExitCode.Done;
        }
        catch (OperationCanceledException)
        {
            log.Error("stopped; nothing was written.");
            return interruption.ExitCode;
        }
    }

    /// <summary>Looks at what goes through the networks while the prompts are painted, each with a seed of its own that is not compared.</summary>
    private static Calibration Calibrate(
        ModelFolder folder, PipelineOptions options, IReadOnlyList<string> prompts, ImageRequest request, ConsoleLog log, CancellationToken cancellation)
    {
        if (folder.Family.NetworkPart != "unet")
        {
            throw new RequestException($"--precision int8 is for U-Nets, and {folder.Name} has a {folder.Family.NetworkPart}; give w8.");
        }

        var takesText = folder.Family is not UnconditionalFamily;
        return Calibration.Run(
            folder.Path,
            options,
            [.. prompts.Select((prompt, i) => request with { Prompt = takesText ? prompt : "", Seeds = [1000 + i] })],
            picture => log.Info($"looking at {picture}"),
            cancellation);
    }

    private static Comparison Compare(TextToImagePipeline before, string place, PipelineOptions options, ImageRequest request, CancellationToken cancellation)
    {
        var first = before.Generate(request, cancellation: cancellation).ToList();
        before.Dispose();
        using var after = TextToImagePipeline.Load(place, options);
        var second = after.Generate(request, cancellation: cancellation).ToList();
        return Comparison.Of(first, second);
    }

    private static void Print(string output, IReadOnlyList<OptimizedNetwork> networks, Comparison? comparison)
    {
        var o = Console.Out;
        foreach (var network in networks)
        {
            var changes = $"{network.Fused} attentions fused, {network.Rounded} weights made smaller";
            o.WriteLine($"{network.Part,-15} {ByteSize.Of(network.BytesBefore)} -> {ByteSize.Of(network.BytesAfter)}, {changes}");
        }

        if (comparison is { } c)
        {
            o.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{"load",-15} {c.LoadBefore:0.00} s -> {c.LoadAfter:0.00} s"));
            o.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{"step",-15} {c.StepBefore:0.000} s -> {c.StepAfter:0.000} s"));
            var seeds = c.Seeds == 1 ? "1 seed" : $"{c.Seeds} seeds";
            o.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{"latents",-15} largest difference {c.LargestLatent:0.0e+0}, mean {c.MeanLatent:0.0e+0}; they reach {c.Reach:0.0}; {seeds}"));
            o.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{"pictures",-15} largest difference {c.LargestLevel} of 255, mean {c.MeanLevel:0.###}"));
        }

        o.WriteLine(output);
    }

    private static JsonObject ToJson(string output, IReadOnlyList<OptimizedNetwork> networks, Comparison? comparison)
    {
        var all = new JsonObject
        {
            ["path"] = output,
            ["networks"] = new JsonArray([.. networks.Select(network => (JsonNode)new JsonObject
            {
                ["part"] = network.Part,
                ["bytes_before"] = network.BytesBefore,
                ["bytes_after"] = network.BytesAfter,
                ["attentions_fused"] = network.Fused,
                ["weights_made_smaller"] = network.Rounded,
            })]),
        };
        if (comparison is { } c)
        {
            all["comparison"] = new JsonObject
            {
                ["seeds"] = c.Seeds,
                ["load_seconds_before"] = c.LoadBefore,
                ["load_seconds_after"] = c.LoadAfter,
                ["step_seconds_before"] = c.StepBefore,
                ["step_seconds_after"] = c.StepAfter,
                ["latents_reach"] = c.Reach,
                ["latents_largest_difference"] = c.LargestLatent,
                ["latents_mean_difference"] = c.MeanLatent,
                ["levels_largest_difference"] = c.LargestLevel,
                ["levels_mean_difference"] = c.MeanLevel,
            };
        }

        return all;
    }

    /// <summary>What the command line asks for.</summary>
    private sealed record Asked(string Path, string Output, OptimizedWeights Weights, IReadOnlyList<string> Prompts, ImageRequest Request, bool AsJson);

    /// <summary>
    /// The same seeds painted with two models. Seconds of a step are those of the quickest seed, for the first picture of a process waits for methods to be
    /// compiled; with one seed, and in small models, the seconds before hold that too.
    /// </summary>
    private sealed record Comparison(
        int Seeds, double LoadBefore, double LoadAfter, double StepBefore, double StepAfter, double Reach, double LargestLatent, double MeanLatent, int LargestLevel, double MeanLevel)
    {
        public static Comparison Of(List<GeneratedImage> before, List<GeneratedImage> after)
        {
            var pairs = before.Zip(after).ToList();
            var latents = pairs.SelectMany(pair => pair.First.Latents.Values.Zip(pair.Second.Latents.Values, (a, b) => Math.Abs((double)a - b))).ToList();
            var levels = pairs.SelectMany(pair => pair.First.Image.Pixels.ToArray().Zip(pair.Second.Image.Pixels.ToArray(), (a, b) => Math.Abs(a - b))).ToList();
            static double Load(List<GeneratedImage> all) => all.Sum(one => one.Timings.Loading.TotalSeconds);
            static double Step(List<GeneratedImage> all) => all.Min(one => one.Timings.Denoising.TotalSeconds / Math.Max(one.Parameters.Steps ?? 1, 1));
            return new Comparison(
                before.Count, Load(before), Load(after), Step(before), Step(after),
                before.Max(one => one.Latents.Values.Max(Math.Abs)), latents.Max(), latents.Average(), levels.Max(), levels.Average());
        }
    }
}
