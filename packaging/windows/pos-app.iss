; Inno Setup script of the till; build.ps1 calls it with the version. NOT TRIED: written on Linux.
; For one user, without an administrator. What the shop has typed and sold stands in %LOCALAPPDATA%\pos-app: an upgrade
; does not touch it, and removing the program leaves it there.
[Setup]
; Never changed: by this Windows knows that the next version is the same program.
AppId={{D7038D18-4AD1-41C6-A492-609840686318}
AppName=Till
AppVersion={#Version}
AppPublisher=The engineers of the till
VersionInfoVersion={#Version}
DefaultDirName={autopf}\pos-app
DefaultGroupName=Till
DisableProgramGroupPage=yes
OutputDir=..\..\dist
OutputBaseFilename=pos-app-{#Version}-setup
SetupIconFile=..\..\build\package\pos-app.ico
UninstallDisplayIcon={app}\till.exe
PrivilegesRequired=lowest
ArchitecturesAllowed=x64compatible
ArchitecturesInstallIn64BitMode=x64compatible
MinVersion=10.0.17763
Compression=lzma2
SolidCompression=yes
; An open till is asked to close before its files are replaced, and opened again.
CloseApplications=yes
RestartApplications=yes

[InstallDelete]
; Libraries of the version before do not stay among the new ones.
Type: filesandordirs; Name: "{app}\_internal"

[Files]
Source: "..\..\dist\pos-app\*"; DestDir: "{app}"; Flags: ignoreversion recursesubdirs createallsubdirs

[Tasks]
Name: "desktop"; Description: "{cm:CreateDesktopIcon}"
Name: "autostart"; Description: "{cm:AutoStartProgram,Till}"; Flags: unchecked

[Icons]
Name: "{group}\Till"; Filename: "{app}\till.exe"
Name: "{autodesktop}\Till"; Filename: "{app}\till.exe"; Tasks: desktop
Name: "{userstartup}\Till"; Filename: "{app}\till.exe"; Tasks: autostart

[Run]
Filename: "{app}\till.exe"; Description: "{cm:LaunchProgram,Till}"; Flags: nowait postinstall skipifsilent
