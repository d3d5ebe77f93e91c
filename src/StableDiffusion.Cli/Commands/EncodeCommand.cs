using System.CommandLine;

namespace StableDiffusion.Cli;

/// <summary><c>encode</c> and <c>decode</c>: the autoencoder alone, pictures to latents and back.</summary>
internal static class EncodeCommand
{
    public static Command CreateEncode()
    {
        var options = new AutoencoderOptions();
        var picture = new Argument<string>("picture") { Description = "The picture." };
        var output = new Option<string>("--output", "-o") { Description = "Where the latents go.", HelpName = "file.npy", Required = true };
        var sample = new Option<bool>("--sample") { Description = "Draw from the encoder's distribution with --seed, as image to image does, instead of taking its mean." };
        var command = new Command(
            "encode",
            """
            Encodes a picture: latents [1, channels, height, width] as float32, as the denoising network has them. Example:
              sd encode photo.png -o photo.npy && sd decode photo.npy -o again.png
            """)
        {
            picture, output, sample,
        };
        options.AddTo(command, forPictures: true);
        command.SetAction(parsed =>
        {
            var path = parsed.GetValue(output)!;
            RequireWritable(output.Name, path);
            var image = PictureReader.Read(parsed.GetValue(picture)!);
            var request = options.Request(parsed, image);
            using var interruption = new Interruption();
            using var pipeline = options.Program.Open(parsed, options.Program.Log(parsed));
            var noise = parsed.GetValue(sample) ? ImageNoise.Create(request.Generator, request.Seeds[0]) : null;
            Write(path, pipeline.Probe(request, interruption.Token).Encode(image, noise));
            Console.Out.WriteLine(path);
            return ExitCode.Done;
        });
        return command;
    }

    public static Command CreateDecode()
    {
        var options = new AutoencoderOptions();
        var latents = new Argument<string>("latents") { Description = "Latents [n, channels, height, width], such as --save-latents and encode write." };
        var output = new Option<string>("--output", "-o") { Description = "Where the picture goes; of several the second gets name-2.png and so on.", HelpName = "file", Required = true };
        var command = new Command(
            "decode",
            """
            Decodes latents to a picture. Example:
              sd "a red apple, 3d render" --save-latents apple.npy && sd decode apple.npy -o apple.png
            """)
        {
            latents, output,
        };
        options.AddTo(command, forPictures: false);
        command.SetAction(parsed =>
        {
            var path = parsed.GetValue(output)!;
            var kind = PictureFile.KindOf(path);
            AtomicFile.RequireWritable(path);
            var given = ImageOptions.ReadLatents(parsed.GetValue(latents)!);
            using var interruption = new Interruption();
            using var pipeline = options.Program.Open(parsed, options.Program.Log(parsed));
            var probe = pipeline.Probe(options.Request(parsed, null) with { Latents = given }, interruption.Token);
            for (var i = 0; i < given.Count; i++)
            {
                var name = i == 0 ? path : OutputPattern.Beside(path, i + 1);
                var image = probe.Decode(given.Extract(i));
                AtomicFile.Write(name, stream => PictureWriter.Write(stream, image, kind));
                Console.Out.WriteLine(name);
            }

            return ExitCode.Done;
        });
        return command;
    }

    /// <summary>Fails where latents cannot be written to a file, or not under its name.</summary>
    public static void RequireWritable(string option, string path)
    {
        if (!path.EndsWith(".npy", StringComparison.OrdinalIgnoreCase) && !path.StartsWith("/dev/", StringComparison.Ordinal))
        {
            throw new RequestException($"{option} {OneLine.Quote(path)} must end in .npy.");
        }

        AtomicFile.RequireWritable(path);
    }

    /// <summary>Writes latents as numpy reads them.</summary>
    public static void Write(string path, Latents latents) => AtomicFile.Write(
        path, stream => NpyFile.Write(stream, [latents.Count, latents.Channels, latents.Height, latents.Width], latents.Values));
}
