using System.CommandLine;
using System.Globalization;

namespace StableDiffusion.Benchmarks;

/// <summary>
/// <c>overhead</c>: what our denoising loop costs over bare calls of ONNX Runtime: the same network, the same shapes, the same number of calls, in turn
/// and in one process.
/// </summary>
internal static class OverheadCommand
{
    public static Command Create()
    {
        var model = new Argument<string>("model") { DefaultValueFactory = _ => "models/emoji-256" };
        var steps = new Argument<int>("steps") { DefaultValueFactory = _ => 25 };
        var pairs = new Argument<int>("pairs") { DefaultValueFactory = _ => 9 };
        var command = new Command("overhead", "Times the denoising loop and bare calls of ONNX Runtime in turn, and prints the ratio of each pair and the median.") { model, steps, pairs };
        command.SetAction(parsed => Run(parsed.GetValue(model)!, parsed.GetValue(steps), parsed.GetValue(pairs)));
        return command;
    }

    private static void Run(string folder, int steps, int pairs)
    {
        using var pipeline = TextToImagePipeline.Load(folder, new PipelineOptions { Device = ExecutionDevice.Cpu, FuseAttention = false });
        var request = new ImageRequest { Prompt = "a red apple, 3d render", Steps = steps, GuidanceScale = 3, Scheduler = "ddim" };
        var latents = pipeline.Generate(request).Single().Latents;
        using var bare = BareNetwork.UNet(pipeline.Folder, threads: 0, latents.Height, latents.Width);
        bare.Run(steps);

        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{pipeline.Folder.Name}, {steps} steps of 2 x {latents.Channels} x {latents.Height} x {latents.Width}; seconds"));
        var ratios = new List<double>();
        for (var pair = 0; pair < pairs; pair++)
        {
            // Each goes first every other time, so that what warms up or slows down favours neither.
            double ours = 0, theirs = 0;
            foreach (var ourTurn in pair % 2 == 0 ? (bool[])[true, false] : [false, true])
            {
                if (ourTurn)
                {
                    ours = pipeline.Generate(request).Single().Timings.Denoising.TotalSeconds;
                }
                else
                {
                    // Our loop follows the text encoder and the decoder of the picture before, which cool the caches; so does this one.
                    _ = pipeline.Generate(request with { Steps = 1 }).Single();
                    theirs = bare.Run(steps).TotalSeconds;
                }
            }

            ratios.Add(ours / theirs);
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"pipeline {ours:0.000}  bare {theirs:0.000}  ratio {ours / theirs:0.000}"));
        }

        ratios.Sort();
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"median ratio {ratios[pairs / 2]:0.000} (from {ratios[0]:0.000} to {ratios[^1]:0.000})"));
    }
}
