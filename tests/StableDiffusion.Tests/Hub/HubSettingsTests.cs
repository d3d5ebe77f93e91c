using StableDiffusion.Cli;

namespace StableDiffusion.Tests;

/// <summary>The variables and defaults of huggingface_hub, <c>constants.py</c> and <c>utils/_auth.py</c>.</summary>
public sealed class HubSettingsTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("", "/home/me/.cache/huggingface/hub")]
    [InlineData("XDG_CACHE_HOME=/x", "/x/huggingface/hub")]
    [InlineData("HF_HOME=/h XDG_CACHE_HOME=/x", "/h/hub")]
    [InlineData("HF_HUB_CACHE=/c HF_HOME=/h", "/c")]
    [InlineData("HUGGINGFACE_HUB_CACHE=/old HF_HOME=/h", "/old")]
    [InlineData("HF_HOME=~/h", "/home/me/h/hub")]
    [InlineData("HF_HOME=$DATA/h DATA=/d", "/d/h/hub")]
    [InlineData("HF_HUB_CACHE=${DATA}/c DATA=/d", "/d/c")]
    public void The_cache_is_where_other_programs_have_it(string variables, string expected) => Assert.Equal(expected, Read(variables).CacheFolder);

    [Theory]
    [InlineData("1", true)]
    [InlineData("yes", true)]
    [InlineData("TRUE", true)]
    [InlineData("on", true)]
    [InlineData("0", false)]
    [InlineData("false", false)]
    public void Offline_is_read(string value, bool expected) => Assert.Equal(expected, Read($"HF_HUB_OFFLINE={value}").IsOffline);

    [Fact]
    public void The_token_is_taken_from_the_variable_before_the_file()
    {
        File.WriteAllText(_folder.PathOf("token"), "hf_file\r\n");
        Assert.Equal("hf_file", Read($"HF_HOME={_folder.Path}").Token);
        Assert.Equal("hf_variable", Read($"HF_HOME={_folder.Path} HF_TOKEN=hf_variable").Token);
        Assert.Equal("hf_old", Read($"HF_HOME={_folder.Path} HUGGING_FACE_HUB_TOKEN=hf_old").Token);
        Assert.Null(Read($"HF_HOME={_folder.Path} HF_HUB_DISABLE_IMPLICIT_TOKEN=1").Token);
        Assert.Null(Read($"HF_HOME={_folder.PathOf("nowhere")}").Token);
    }

    [Fact]
    public void An_endpoint_that_is_no_address_is_refused() =>
        Assert.Contains("HF_ENDPOINT", Assert.Throws<RequestException>(() => Read("HF_ENDPOINT=mirror")).Message, StringComparison.Ordinal);

    [Fact]
    public void A_slash_at_the_end_of_the_endpoint_does_no_harm() => Assert.Equal("https://mirror", Read("HF_ENDPOINT=https://mirror/").Endpoint);

    private static HubSettings Read(string variables)
    {
        var values = variables.Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(one => one.Split('=', 2)).ToDictionary(one => one[0], one => one[1]);
        values.TryAdd("HOME", "/home/me");
        return HubSettings.Read(name => values.GetValueOrDefault(name));
    }
}
