using System.CommandLine;
using System.Diagnostics;
using System.Text.Json.Nodes;

namespace StableDiffusion.Benchmarks;

/// <summary>
/// <c>bare</c>: the calls of ONNX Runtime that a picture takes and nothing else, with its default settings: text encoder, UNet and decoder, each closed
/// before the next is opened. Prints seconds by stage as <c>sd --json</c> does.
/// </summary>
internal static class BareCommand
{
    public static Command Create()
    {
        var model = new Argument<string>("model");
        var (size, steps, threads) = (new Option<int>("--size"), new Option<int>("--steps"), new Option<int>("--threads"));
        var command = new Command("bare", "One of the yardstick's contestants.") { model, size, steps, threads };
        command.Hidden = true;
        command.SetAction(parsed => Run(ModelFolder.Open(parsed.GetValue(model)!), parsed.GetValue(size), parsed.GetValue(steps), parsed.GetValue(threads)));
        return command;
    }

    private static void Run(ModelFolder folder, int size, int steps, int threads)
    {
        var side = size / folder.PixelsPerLatent;
        var text = Measure(() => BareNetwork.TextEncoder(folder, threads), 1);
        var unet = Measure(() => BareNetwork.UNet(folder, threads, side, side), steps);
        var vae = Measure(() => BareNetwork.Decoder(folder, threads, side, side), 1);
        var seconds = new JsonObject { ["load"] = text.Load + unet.Load + vae.Load, ["text"] = text.Run, ["unet"] = unet.Run, ["vae"] = vae.Run };
        Console.WriteLine(new JsonObject { ["seconds"] = seconds }.ToJsonString());
    }

    private static (double Load, double Run) Measure(Func<BareNetwork> open, int calls)
    {
        var start = Stopwatch.GetTimestamp();
        using var network = open();
        return (Stopwatch.GetElapsedTime(start).TotalSeconds, network.Run(calls).TotalSeconds);
    }
}
