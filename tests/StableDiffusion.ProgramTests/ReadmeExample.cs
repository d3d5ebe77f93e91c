namespace StableDiffusion.Tests;

/// <summary>The library example of README.md, word for word between its markers.</summary>
internal static class ReadmeExample
{
    /// <summary>Runs in the current folder.</summary>
    public static void Run()
    {
        // README: begin
        using var pipeline = TextToImagePipeline.Load("models/emoji-256");
        var request = new ImageRequest { Prompt = "a red apple, 3d render", Seeds = [1, 2, 3] };
        foreach (var picture in pipeline.Generate(request))
        {
            picture.Save($"apple-{picture.Seed}.png");
        }

        // README: end
    }
}
