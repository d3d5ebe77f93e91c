using System.CommandLine;
using System.Globalization;

namespace StableDiffusion.Cli;

/// <summary><c>noise</c>: the forward process, a picture noised step by step as in training.</summary>
internal static class NoiseCommand
{
    public static Command Create()
    {
        var options = new AutoencoderOptions();
        var picture = new Argument<string>("picture") { Description = "The picture." };
        var output = new Option<string>("--output", "-o") { Description = "Folder for a .npy and a .png of each time step.", HelpName = "folder", Required = true };
        var timesteps = new Option<string>("--timesteps")
        {
            Description = "Training steps to show, from 0, the cleanest.",
            HelpName = "list",
            DefaultValueFactory = _ => "0,100,250,500,750,999",
        };
        var command = new Command(
            "noise",
            """
            Forward diffusion: noises a picture's latents as training does, with the same noise for every time step, and decodes them. The latents are
            diffusers' add_noise (scale_noise for flow models); encoder and noise are drawn from --seed in image to image's order. Example:
              sd noise samples/red-apple.png -o noised/ --timesteps 0,250,500,999
            """)
        {
            picture, output, timesteps,
        };
        options.AddTo(command, forPictures: true);
        command.SetAction(parsed =>
        {
            var folder = parsed.GetValue(output)!;
            var steps = Parse(parsed.GetValue(timesteps)!);
            var image = PictureReader.Read(parsed.GetValue(picture)!);
            var request = options.Request(parsed, image);
            using var interruption = new Interruption();
            using var pipeline = options.Program.Open(parsed, options.Program.Log(parsed));
            var probe = pipeline.Probe(request, interruption.Token);
            foreach (var step in steps)
            {
                _ = probe.Forward.At(step); // refuses before anything is written
            }

            AtomicFile.RequireWritable(Path.Combine(folder, NameOf(steps[0]) + ".npy"), makesFolders: true);
            var noise = ImageNoise.Create(request.Generator, request.Seeds[0]);
            var clean = probe.Encode(image, noise);
            var drawn = new float[clean.Values.Length];
            noise.Draw(drawn);
            Directory.CreateDirectory(folder);
            foreach (var step in steps)
            {
                var noisy = probe.Forward.Noise(clean, drawn, step);
                var path = Path.Combine(folder, NameOf(step));
                var shown = probe.Decode(noisy);
                EncodeCommand.Write(path + ".npy", noisy);
                AtomicFile.Write(path + ".png", stream => PngWriter.Write(stream, shown));
                Console.Out.WriteLine(path + ".png");
            }

            return ExitCode.Done;
        });
        return command;
    }

    private static string NameOf(int step) => string.Create(CultureInfo.InvariantCulture, $"t{step:000}");

    private static List<int> Parse(string text) => [.. text.Split(',', StringSplitOptions.TrimEntries).Select(part =>
        int.TryParse(part, NumberStyles.None, CultureInfo.InvariantCulture, out var step)
            ? step
            : throw new RequestException($"--timesteps {OneLine.Quote(text)}: {OneLine.Quote(part)} is no time step; give a list such as 0,100,500,999."))];
}
